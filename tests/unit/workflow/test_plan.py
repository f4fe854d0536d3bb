"""What will run, before it runs: legs, names, steps, machine; and again when needs are done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from terraphim_runner.domain.errors import UsageError, WorkflowError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.expressions.value import to_python
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext, Repository, event_context
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_call, plan_job, plan_run
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.run_plan import AnyJobPlan, CallPlan, JobPlan, RunPlan

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow

SMALL = VmType("small", "debian-12", 1, 1024, 4096)
LARGE = VmType("large", "debian-12", 4, 8192, 8192)
NOBLE = VmType("noble", "ubuntu-24", 2, 2048, 8192)
LABELS = LabelTable({"ubuntu-latest": SMALL, "big": LARGE, "noble": NOBLE}, SMALL)
PUSH = event_context(
    "push", {"ref": "refs/heads/main", "head_commit": {"message": "Fix it\n\nWell."}}, Repository()
)
STEP = "steps: [{run: echo}]"


def workflow(text: str, file: str = ".github/workflows/ci.yml") -> Workflow:
    read = read_workflow(text, file)
    assert read.workflow is not None, read.diagnostics
    return read.workflow


def jobs(text: str, on: str = "push") -> str:
    return f"on: {on}\njobs:\n" + "".join(f"  {line}\n" for line in text.strip().splitlines())


def setting(files: dict[str, str] | None = None, **more: Any) -> Setting:
    return Setting(labels=LABELS, loader=WorkflowLoader((files or {}).get), **more)


def plan(text: str, event: EventContext = PUSH, files: dict[str, str] | None = None, **more: Any) -> RunPlan:
    job_id, inputs = more.pop("job_id", None), more.pop("inputs", None)
    return plan_run(workflow(text), event, setting(files, **more), job_id=job_id, inputs=inputs)


def names(plans: tuple[AnyJobPlan, ...]) -> list[str]:
    return [leg.name for each in plans for leg in each.legs]


def codes(refused: pytest.ExceptionInfo[WorkflowError]) -> list[tuple[str, int]]:
    return [(each.code, each.span.start.line) for each in refused.value.diagnostics]


def test_jobs_come_in_the_order_of_their_needs() -> None:
    planned = plan(jobs(f"b: {{needs: a, runs-on: big, {STEP}}}\na: {{runs-on: ubuntu-latest, {STEP}}}"))

    assert [(each.id, each.needs) for each in planned.jobs] == [("a", ()), ("b", ("a",))]


def test_a_matrix_makes_legs_with_keys_names_and_contexts() -> None:
    text = jobs(f"t: {{strategy: {{matrix: {{v: [1, 2]}}}}, runs-on: ubuntu-latest, {STEP}}}")
    (job,) = plan(text).jobs

    assert [(leg.key, leg.name) for leg in job.legs] == [("t (1)", "t (1)"), ("t (2)", "t (2)")]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Test", ["Test (1)", "Test (2)"]),
        ("Test ${{ matrix.v }}", ["Test 1", "Test 2"]),
        ("Test ${{ github.ref_name }}", ["Test main", "Test main"]),
        ("Test ${{ needs.a.outputs.x }}", ["Test ${{ needs.a.outputs.x }}", "Test ${{ needs.a.outputs.x }}"]),
        ("${{ matrix.nothing }}", ["t (1)", "t (2)"]),
    ],
)
def test_a_legs_name_has_the_matrix_values_unless_the_author_computes_it(name: str, shown: list[str]) -> None:
    """A name that needs what is not known yet is shown as written."""
    job = f"t: {{needs: a, name: '{name}', strategy: {{matrix: {{v: [1, 2]}}}}, runs-on: big, {STEP}}}"

    assert names(plan(jobs(f"a: {{runs-on: big, {STEP}}}\n{job}")).jobs)[1:] == shown


def test_keys_stay_unique_where_suffixes_do_not() -> None:
    text = jobs(f"t: {{strategy: {{matrix: {{v: [a, 'a', null, '']}}}}, runs-on: big, {STEP}}}")
    (job,) = plan(text).jobs

    assert [leg.key for leg in job.legs] == ["t (a)", "t (a) #2", "t #3", "t #4"]


def test_steps_are_named_as_github_names_them() -> None:
    steps = """
steps:
  - uses: actions/checkout@v4
  - run: |

      echo one ${{ github.ref_name }}
      echo two
  - name: Named ${{ matrix.v }}
    run: x
  - run: echo ${{ env.LATER }}
  - {id: bg, run: serve, background: true}
  - wait: [bg]
  - wait-all:
  - {cancel: bg}
  - parallel: [{run: a}, {run: b}]
"""
    indented = "".join(f"  {line}\n" for line in steps.strip().splitlines())
    (job,) = plan(jobs(f"t:\n  strategy: {{matrix: {{v: [1]}}}}\n  runs-on: big\n{indented}")).jobs
    assert isinstance(job, JobPlan)

    assert job.legs[0].steps == (
        "Run actions/checkout@v4",
        "Run echo one main",
        "Named 1",
        "Run echo ${{ env.LATER }}",
        "Run serve",
        "Wait for bg",
        "Wait for all background steps",
        "Cancel bg",
        "Run a",
        "Run b",
        "Run 2 steps in parallel",
    )


@pytest.mark.parametrize(
    ("run_name", "event", "shown"),
    [
        ("Deploy ${{ github.ref_name }}", PUSH, "Deploy main"),
        ("'  '", PUSH, "Fix it"),
        (None, PUSH, "Fix it"),
        (None, EventContext(name="push"), "CI"),
        (None, EventContext(name="pull_request", payload={"pull_request": {"title": "Mine"}}), "Mine"),
        (None, EventContext(name="schedule"), "CI"),
    ],
)
def test_a_runs_name_is_the_authors_or_the_events(run_name: str | None, event: EventContext, shown: str) -> None:
    head = "name: CI\n" + ("" if run_name is None else f"run-name: {run_name}\n")

    assert plan(head + jobs(f"a: {{runs-on: big, {STEP}}}", "[push, pull_request]"), event).name == shown


def test_the_run_gets_the_largest_machine() -> None:
    text = jobs(f"a: {{runs-on: ubuntu-latest, {STEP}}}\nb: {{runs-on: [big], {STEP}}}")
    planned = plan(text)

    assert planned.machine == LARGE
    assert [leg.machine for _, leg in planned.legs] == [SMALL, LARGE]


def test_two_images_are_refused_naming_both_jobs() -> None:
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(f"a: {{runs-on: big, {STEP}}}\nb: {{runs-on: noble, {STEP}}}"))

    assert codes(refused) == [("different-machines", 4)]
    assert "'b'" in str(refused.value)
    assert "'a'" in str(refused.value)


def test_every_fault_is_reported_at_once() -> None:
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(f"a: {{runs-on: windows-latest, {STEP}}}\nb: {{runs-on: macos-14, {STEP}}}"))

    assert codes(refused) == [("unserved-label", 3), ("unserved-label", 4)]


def test_unserved_legs_may_be_skipped_aloud() -> None:
    matrix = "strategy: {matrix: {os: [ubuntu-latest, windows-latest]}}"
    planned = plan(jobs(f"t: {{{matrix}, runs-on: '${{{{ matrix.os }}}}', {STEP}}}"), skip_unserved=True)

    assert [leg.unserved is None for _, leg in planned.legs] == [True, False]
    assert [notice.code for notice in planned.notices] == ["unserved-label"]
    assert planned.machine == SMALL


def test_a_plan_with_nothing_to_run_is_an_error() -> None:
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(f"a: {{runs-on: windows-latest, {STEP}}}"), skip_unserved=True)

    assert codes(refused)[0] == ("nothing-to-run", 3)


def test_a_matrix_of_needs_is_late_and_planned_when_they_are_done() -> None:
    late = "strategy: {matrix: '${{ fromJSON(needs.a.outputs.m) }}'}"
    text = jobs(f"a: {{runs-on: big, {STEP}}}\nt: {{needs: a, {late}, runs-on: big, {STEP}}}")
    planned = plan(text)
    job = planned.jobs[1]
    assert isinstance(job, JobPlan)
    assert job.is_late
    assert job.legs == ()

    done = plan_job(job.job, planned.setting.with_contexts(needs={"a": {"outputs": {"m": '{"v": [1, 2]}'}}}))

    assert not done.is_late
    assert [leg.name for leg in done.legs] == ["t (1)", "t (2)"]


def test_runs_on_of_needs_is_late_too() -> None:
    text = jobs(f"a: {{runs-on: big, {STEP}}}\nt: {{needs: a, runs-on: '${{{{ needs.a.outputs.os }}}}', {STEP}}}")
    planned = plan(text)
    job = planned.jobs[1]
    assert isinstance(job, JobPlan)
    assert job.is_late
    assert job.legs[0].demand is None

    done = plan_job(job.job, planned.setting.with_contexts(needs={"a": {"outputs": {"os": "ubuntu-latest"}}}))

    assert done.legs[0].machine == SMALL
    assert planned.machine.can_run(SMALL)


def test_one_job_is_planned_with_all_it_needs() -> None:
    text = jobs("\n".join(f"{job}: {{needs: [{need}], runs-on: big, {STEP}}}" for job, need in ("a ", "ba", "c ")))

    assert [each.id for each in plan(text, job_id="B").jobs] == ["a", "b"]


def test_a_job_that_is_not_there_is_the_users_mistake() -> None:
    with pytest.raises(UsageError) as refused:
        plan(jobs(f"build: {{runs-on: big, {STEP}}}"), job_id="biuld")

    assert refused.value.hint == "did you mean `build`?"


def test_concurrency_is_evaluated_for_run_and_legs() -> None:
    head = "concurrency: {group: 'ci-${{ github.ref }}', cancel-in-progress: true}\n"
    job = f"t: {{concurrency: 'j-${{{{ matrix.v }}}}', strategy: {{matrix: {{v: [1]}}}}, runs-on: big, {STEP}}}"
    planned = plan(head + jobs(job))
    assert planned.concurrency is not None

    assert (planned.concurrency.group, planned.concurrency.cancel_in_progress) == ("ci-refs/heads/main", True)
    assert [leg.concurrency and leg.concurrency.group for leg in planned.jobs[0].legs] == ["j-1"]


@pytest.mark.parametrize("group", ["''", "${{ vars.nothing }}", f"'{'x' * 401}'"])
def test_a_concurrency_group_has_1_to_400_characters(group: str) -> None:
    text = jobs(f"a: {{runs-on: big, {STEP}}}").replace("on: push", f"on: push\nconcurrency: {{group: {group}}}")
    read = read_workflow(text, "ci.yml").workflow
    if read is None:
        return  # refused earlier, by the reader
    with pytest.raises(WorkflowError) as refused:
        plan_run(read, PUSH, setting())

    assert codes(refused)[0][0] in {"empty-concurrency-group", "concurrency-group-too-long"}


DISPATCH = """
workflow_dispatch:
  inputs:
    level: {type: choice, options: [info, debug], default: info}
    count: {type: number}
    really: {type: boolean}
    who: {required: true}
"""


def dispatched(**inputs: object) -> RunPlan:
    on = "\n" + "".join(f"  {line}\n" for line in DISPATCH.strip().splitlines())
    job = f"a: {{name: '${{{{ inputs.level }}}} ${{{{ inputs.who }}}}', runs-on: big, {STEP}}}"
    return plan(jobs(job, on), EventContext(name="workflow_dispatch"), inputs=inputs)


def test_inputs_of_a_dispatch_have_their_types_and_defaults() -> None:
    planned = dispatched(WHO="mona", count="3")

    assert to_python(planned.inputs) == {"level": "info", "count": 3, "really": False, "who": "mona"}
    assert names(planned.jobs) == ["info mona"]


def test_wrong_inputs_are_all_named() -> None:
    with pytest.raises(WorkflowError) as refused:
        dispatched(level="warn", count="nan", really="maybe", whom="mona")

    assert [code for code, _ in codes(refused)] == ["unknown-input", *["wrong-input-type"] * 3, "missing-input"]


CALLED = """
on:
  workflow_call:
    inputs:
      env: {type: string, required: true}
      count: {type: number, default: 2}
      note: {type: string, default: 'on ${{ github.ref_name }}'}
    secrets:
      token: {required: true}
jobs:
  go:
    name: Go ${{ inputs.env }} ${{ inputs.count }} ${{ inputs.note }}
    runs-on: ubuntu-latest
    steps: [{run: echo}]
"""
CALL = "c: {uses: ./.github/workflows/called.yml, with: {env: prod}, secrets: inherit}"
FILES = {".github/workflows/called.yml": CALLED}


def test_a_called_workflows_jobs_are_planned_with_its_inputs() -> None:
    (call,) = plan(jobs(CALL), files=FILES).jobs
    assert isinstance(call, CallPlan)

    assert to_python(call.legs[0].inputs) == {"env": "prod", "count": 2, "note": "on main"}
    assert names(call.legs[0].jobs) == ["c / Go prod 2 on main"]
    assert call.legs[0].jobs[0].key == "c / go"


def test_a_call_has_legs_of_its_own() -> None:
    text = CALL.replace("prod", "'${{ matrix.e }}'").replace("c: {", "c: {strategy: {matrix: {e: [x, y]}}, ")
    (call,) = plan(jobs(text), files=FILES).jobs
    assert isinstance(call, CallPlan)

    assert [names(leg.jobs) for leg in call.legs] == [["c (x) / Go x 2 on main"], ["c (y) / Go y 2 on main"]]


def test_inputs_of_needs_make_a_call_late() -> None:
    text = f"a: {{runs-on: big, {STEP}}}\n" + CALL.replace("prod", "'${{ needs.a.outputs.e }}'").replace(
        "c: {", "c: {needs: a, "
    )
    planned = plan(jobs(text), files=FILES)
    call = planned.jobs[1]
    assert isinstance(call, CallPlan)
    assert call.is_late

    done = plan_call(call.job, planned.setting.with_contexts(needs={"a": {"outputs": {"e": "qa"}}}))

    assert not done.is_late
    assert names(done.legs[0].jobs) == ["c / Go qa 2 on main"]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (CALL.replace("called", "missing"), "workflow-not-found"),
        (CALL.replace("./", "octo/repo/").replace("called.yml", "called.yml@v1"), "remote-workflow"),
        (CALL.replace("env: prod", ""), "missing-input"),
        (CALL.replace("env: prod", "env: prod, evn: x"), "unknown-input"),
        (CALL.replace("env: prod", "env: prod, count: many"), "wrong-input-type"),
        (CALL.replace(", secrets: inherit", ""), "missing-secret"),
        (CALL.replace("inherit", "{token: a, tokn: b}"), "unknown-secret"),
    ],
)
def test_the_rules_of_a_call_are_kept_on_both_sides(call: str, code: str) -> None:
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(call), files=FILES)

    assert codes(refused) == [(code, 3)]


def test_a_workflow_without_workflow_call_cannot_be_called() -> None:
    files = {".github/workflows/called.yml": jobs(f"a: {{runs-on: big, {STEP}}}")}
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(CALL), files=files)

    [fault] = refused.value.diagnostics
    assert (fault.code, fault.span.file, fault.span.start.line) == (
        "not-reusable",
        ".github/workflows/called.yml",
        1,
    )


def test_a_called_workflow_with_errors_shows_them_too() -> None:
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(CALL), files={".github/workflows/called.yml": CALLED.replace("runs-on", "run-on")})

    assert codes(refused)[0] == ("called-workflow-invalid", 3)
    assert any(each.span.file == ".github/workflows/called.yml" for each in refused.value.diagnostics)


def test_a_resolver_may_give_remote_workflows_and_their_neighbours() -> None:
    reference = "octo/repo/.github/workflows/called.yml@v1"
    outer = jobs("inner: {uses: ./.github/workflows/deep.yml}", "workflow_call")
    deep = jobs(f"d: {{runs-on: big, {STEP}}}", "workflow_call")
    files = {reference: outer, "octo/repo/.github/workflows/deep.yml@v1": deep}

    assert [leg.key for _, leg in plan(jobs(f"c: {{uses: {reference}}}"), files=files).legs] == ["c / inner / d"]


def chain(length: int) -> dict[str, str]:
    """Workflows that call each other in a row; the last one has a job."""
    files = {
        f".github/workflows/w{number}.yml": jobs(
            f"n: {{uses: ./.github/workflows/w{number + 1}.yml}}", "workflow_call"
        )
        for number in range(1, length)
    }
    return files | {f".github/workflows/w{length}.yml": jobs(f"z: {{runs-on: big, {STEP}}}", "workflow_call")}


def test_ten_levels_are_allowed_and_eleven_are_not() -> None:
    text = jobs("n: {uses: ./.github/workflows/w1.yml}")
    assert len(list(plan(text, files=chain(9)).legs)) == 1

    with pytest.raises(WorkflowError) as refused:
        plan(text, files=chain(10))

    assert codes(refused) == [("calls-too-deep", 3)]


def test_workflows_that_call_each_other_are_named() -> None:
    loop = {".github/workflows/called.yml": jobs("x: {uses: ./.github/workflows/called.yml}", "workflow_call")}
    with pytest.raises(WorkflowError) as refused:
        plan(jobs("c: {uses: ./.github/workflows/called.yml}"), files=loop)

    assert codes(refused) == [("call-cycle", 3)]
    assert "called.yml calls .github/workflows/called.yml" in str(refused.value)


def test_at_most_50_different_workflows_are_called() -> None:
    files = {
        f".github/workflows/w{number}.yml": jobs(f"z: {{runs-on: big, {STEP}}}", "workflow_call")
        for number in range(51)
    }
    calls = "\n".join(f"c{number}: {{uses: ./.github/workflows/w{number}.yml}}" for number in range(51))
    with pytest.raises(WorkflowError) as refused:
        plan(jobs(calls), files=files)

    assert codes(refused) == [("too-many-calls", 53)]
