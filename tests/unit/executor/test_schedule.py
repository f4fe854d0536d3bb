"""The schedule of a run: what starts, what never does and why, what is stopped."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.schedule import Announce, Begin, Enter, Leave, Report, Schedule, Stop
from terraphim_runner.executor.schedule_state import Level, Phase
from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.call import WorkflowLoader
from terraphim_runner.workflow.event_context import EventContext
from terraphim_runner.workflow.machine import LabelTable
from terraphim_runner.workflow.plan import Setting, plan_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.schedule_state import LegState

_S, _F, _C = Conclusion.SUCCESS, Conclusion.FAILURE, Conclusion.CANCELLED
_VM_TYPE = VmType(name="default", image="none", cpus=2, memory_mib=64, disk_mib=64)
_LARGE = VmType(name="large", image="none", cpus=8, memory_mib=64, disk_mib=64)
_EVENT = EventContext(name="push", ref="refs/heads/main", sha="1" * 40, repository="octo/hello")


@dataclass
class _Run:
    """Performs a schedule's actions by noting them."""

    schedule: Schedule
    running: dict[str, LegState] = field(default_factory=dict)
    entering: dict[str, LegState] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    shares: dict[str, Fraction] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    ended: dict[str, tuple[Conclusion, str | None]] = field(default_factory=dict)

    def act(self) -> None:
        for action in self.schedule.advance():
            match action:
                case Begin(leg=leg, at_once=at_once):
                    self.begun.append(leg.key)
                    self.shares[leg.key] = Fraction(1, at_once)
                    self.running[leg.key] = leg
                case Enter(leg=leg):
                    self.entering[leg.key] = leg
                case Stop(leg=leg):
                    assert leg.key in self.running
                    self.stopped.append(leg.key)
                case Leave(leg=leg):
                    self.left.append(leg.key)
                case Announce(leg=plan):
                    self.announced.append(plan.key)
                case Report(result=result):
                    assert result.key not in self.ended
                    self.ended[result.key] = (result.conclusion, result.reason)

    def end(self, key: str, conclusion: Conclusion = _S, **outputs: str) -> None:
        assert key not in self.ended
        self.ended[key] = (conclusion, None)
        self.schedule.end(self.running.pop(key), NeedsRecord(conclusion, outputs))
        self.act()

    def enter(self, key: str) -> None:
        self.schedule.enter(self.entering.pop(key))
        self.act()

    def cancel(self) -> None:
        self.schedule.cancel_run("the run was cancelled")
        self.act()

    def reason(self, key: str) -> str | None:
        return self.ended[key][1]


def _run(
    text: str,
    *,
    places: int = 100,
    secrets: Mapping[str, str] | None = None,
    held: tuple[str, ...] = (),
    skip_unserved: bool = False,
    **called: str,
) -> _Run:
    read = read_workflow(text, ".github/workflows/ci.yml")
    assert read.workflow is not None, [str(each) for each in read.diagnostics]
    labels = LabelTable({"ubuntu-latest": _VM_TYPE, "large": _LARGE}, _VM_TYPE)
    files = {f".github/workflows/{name}.yml": content for name, content in called.items()}
    loader = WorkflowLoader(files.get)
    setting = Setting(labels=labels, loader=loader, skip_unserved=skip_unserved)
    plan = plan_run(read.workflow, _EVENT, setting)
    root = Level(plan.workflow, plan.setting, secrets or {}, held)
    root.add_jobs(plan.jobs)
    run = _Run(Schedule(root, places=places, machine=_VM_TYPE))
    run.act()
    return run


def _jobs(**jobs: str) -> str:
    """Make a workflow of jobs; each is the keys beside `runs-on` and `steps`, or with `uses` all keys."""
    text = "on: push\njobs:\n"
    for name, keys in jobs.items():
        text += f"  {name}:\n"
        text += "".join(f"    {line}\n" for line in keys.splitlines())
        if "uses:" not in keys:
            text += "" if "runs-on:" in keys else "    runs-on: ubuntu-latest\n"
            text += "    steps: [{run: x}]\n"
    return text


def _callable(jobs: str, call: str = "") -> str:
    return jobs.replace("on: push", f"on:\n  workflow_call:\n{call}".rstrip(), 1)


def test_jobs_start_as_soon_as_their_own_needs_are_done() -> None:
    """There are no stages: `fast-2` does not wait for `slow`."""
    run = _run(_jobs(slow="", fast="", **{"fast-2": "needs: fast"}))
    run.end("fast")

    assert run.begun == ["slow", "fast", "fast-2"]


def test_places_are_given_first_come_first_served() -> None:
    run = _run(_jobs(a="", b="strategy: {matrix: {n: [1, 2]}}", c="", d="needs: a"), places=2)
    run.end("a")
    run.end("b (1)")
    run.end("b (2)")

    assert run.begun == ["a", "b (1)", "b (2)", "c", "d"]


def test_max_parallel_holds_back_its_own_legs_only() -> None:
    run = _run(_jobs(a="strategy: {max-parallel: 1, matrix: {n: [1, 2, 3]}}", b=""))

    assert run.begun == ["a (1)", "b"]
    run.end("a (1)")
    assert run.begun[2:] == ["a (2)"]


_FAIL_FAST = _jobs(a="strategy: {max-parallel: 2, matrix: {n: [1, 2, 3]}}", b="needs: a\nif: always()")


def test_a_leg_that_fails_stops_its_siblings_and_cancels_those_that_wait() -> None:
    """The job failed, even though others were only cancelled; who needs it sees that when all have ended."""
    run = _run(_FAIL_FAST)
    run.end("a (1)", _F)

    assert run.stopped == ["a (2)"]
    assert run.ended["a (3)"] == (_C, "another leg failed (fail-fast): a (1)")
    assert "b" not in run.begun
    run.end("a (2)", _C)
    assert run.begun[-1] == "b"
    assert run.running["b"].contexts()["needs"]["a"]["result"] == "failure"


def test_without_fail_fast_the_other_legs_go_on() -> None:
    run = _run(_FAIL_FAST.replace("max-parallel: 2", "fail-fast: false"))
    run.end("a (1)", _F)

    assert (run.stopped, "a (3)" in run.ended) == ([], False)


def test_of_a_matrix_job_the_last_output_that_is_not_empty_counts() -> None:
    """In the order in which the legs end."""
    run = _run(_FAIL_FAST)
    run.end("a (2)", x="two", y="why")
    run.end("a (1)", x="one", y="")
    run.end("a (3)", x="")

    assert run.running["b"].contexts()["needs"]["a"]["outputs"] == {"x": "one", "y": "why"}


@pytest.mark.parametrize(
    ("a_end", "b_if", "c_if", "expected"),
    [
        (_S, "success()", "success()", {}),
        (_F, "success()", "success()", {"b": "it needs a, which failed", "c": "it needs b, which was skipped"}),
        (_F, "always()", "success()", {"c": "a, which it needs through other jobs, failed"}),
        (_F, "always()", "failure()", {}),
        (_F, "always()", "failure('b')", {"c": "its condition is false: failure('b')"}),
        (_F, "always()", "success('B')", {}),
        (_F, "failure() && false", "failure()", {"b": "its condition is false: failure() && false"}),
        (_S, "false", "success()", {"b": "its condition is false: success() && (false)",
                                    "c": "it needs b, which was skipped"}),
        (_C, "true", "failure()", {"b": "it needs a, which was cancelled",
                                   "c": "its condition is false: failure()"}),
        (_C, "always()", "cancelled()", {"c": "its condition is false: cancelled()"}),
        (_F, "needs.a.result == 'failure'", "always()", {"b": "it needs a, which failed"}),
        (_F, "always() && needs.a.result == 'failure'", "${{ always() }}", {}),
    ],
)  # fmt: skip
def test_conditions_look_at_all_ancestors_and_every_skip_has_its_reason(
    a_end: Conclusion, b_if: str, c_if: str, expected: dict[str, str]
) -> None:
    run = _run(_jobs(a="", b=f"needs: a\nif: {b_if}", c=f"needs: b\nif: {c_if}"))
    run.end("a", a_end)
    for job in ("b", "c"):
        if job in run.running:
            run.end(job)

    assert {key: reason for key, (_, reason) in run.ended.items() if reason} == expected
    assert run.schedule.is_done


def test_a_condition_that_cannot_be_evaluated_fails_the_job() -> None:
    run = _run(_jobs(a="", b="needs: a\nif: fromJSON(needs.a.outputs.x)"))
    run.end("a", x="{")

    assert run.ended["b"][0] is _F


def test_cancelling_stops_what_runs_and_what_waits_but_not_what_runs_nevertheless() -> None:
    """As on GitHub, the conditions are asked again."""
    text = _jobs(
        a="",
        b="if: always()",
        c="strategy: {max-parallel: 1, matrix: {n: [1, 2]}}",
        d="needs: a",
        e="needs: a\nif: cancelled()",
    )
    run = _run(text)
    run.cancel()

    assert run.stopped == ["a", "c (1)"]
    assert run.ended["c (2)"] == (_C, "the run was cancelled")
    run.end("a", _C)
    assert run.ended["d"] == (Conclusion.SKIPPED, "the run was cancelled")
    assert run.begun[-1] == "e"


def test_an_abort_ends_everything_whatever_the_conditions_say() -> None:
    run = _run(_jobs(a="", b="if: always()", c="needs: a\nif: always()"))
    run.schedule.abort("the run ended early: no VM")
    run.act()
    run.end("a", _F)
    run.end("b", _F)

    assert run.stopped == ["a", "b"]
    assert run.ended["c"] == (_C, "the run ended early: no VM")


_LATE = _jobs(a="", b="needs: a\nstrategy: {matrix: {n: '${{ fromJSON(needs.a.outputs.x) }}'}}", c="needs: b")


def test_a_late_matrix_is_planned_and_told_when_its_needs_are_done() -> None:
    run = _run(_LATE)
    run.end("a", x="[1, 2]")

    assert run.announced == run.begun[1:] == ["b (1)", "b (2)"]


def test_a_late_matrix_that_is_none_fails_the_job_with_the_place() -> None:
    run = _run(_LATE)
    run.end("a", x="7")

    assert run.ended["b"][0] is _F
    assert ".github/workflows/ci.yml:8:28:" in (run.reason("b") or "")
    assert run.reason("c") == "it needs b, which failed"


def test_a_late_demand_that_the_machine_does_not_meet_fails_the_job() -> None:
    run = _run(_jobs(a="", b="needs: a\nruns-on: ${{ needs.a.outputs.x }}"))
    run.end("a", x="large")

    assert run.ended["b"] == (_F, "it asks for large, which this run's machine of type default is not")


def test_a_leg_that_no_vm_type_serves_is_skipped_if_the_user_said_so() -> None:
    text = _jobs(a="strategy: {matrix: {os: [ubuntu-latest, macos-14]}}\nruns-on: ${{ matrix.os }}", b="needs: a")
    run = _run(text, skip_unserved=True)
    run.end("a (ubuntu-latest)")

    assert run.ended["a (macos-14)"] == (Conclusion.SKIPPED, "No VM type serves the label 'macos-14'")
    assert run.begun[-1] == "b"


def test_a_leg_waits_for_its_concurrency_group_without_taking_a_place() -> None:
    run = _run(_jobs(a="concurrency: deploy", b=""), places=1)

    assert (run.begun, list(run.entering)) == (["b"], ["a"])
    run.end("b")
    run.enter("a")
    assert run.begun == ["b", "a"]
    run.end("a")
    assert run.left == ["b", "a"]


def test_a_leg_whose_place_in_a_group_was_taken_is_cancelled_before_it_ran() -> None:
    run = _run(_jobs(a="concurrency: deploy", b="needs: a"))
    run.schedule.stop(run.entering["a"], "run 7 took its place")
    run.act()

    assert run.ended["a"] == (_C, "run 7 took its place")
    run.enter("a")  # too late
    assert run.begun == []
    assert run.reason("b") == "it needs a, which was cancelled"


def test_a_group_can_be_named_by_what_a_job_needs() -> None:
    run = _run(_jobs(a="", b="needs: a\nconcurrency: 'to-${{ needs.a.outputs.x }}'"))
    run.end("a", x="")

    assert list(run.entering) == ["b"]


def test_a_job_in_the_group_of_its_own_workflow_is_a_deadlock() -> None:
    run = _run(_jobs(a="concurrency: CI"), held=(fold_case("ci"),))

    assert run.ended["a"][0] is _C
    assert "deadlock" in (run.reason("a") or "")


_CALL = "uses: ./.github/workflows/lib.yml\n"
_OUTPUT = "    outputs: {y: {value: '${{ jobs.two.outputs.x }}'}}\n"
_LIBRARY = _callable(_jobs(one="", two="needs: one"), _OUTPUT)


def test_a_called_workflow_runs_its_jobs_and_gives_its_outputs() -> None:
    run = _run(_jobs(a="", call=f"{_CALL}needs: a", b="needs: call"), lib=_LIBRARY)
    run.end("a")
    run.end("call / one")
    run.end("call / two", x="why")

    assert run.begun == ["a", "call / one", "call / two", "b"]
    assert run.running["b"].contexts()["needs"] == {"call": {"result": "success", "outputs": {"y": "why"}}}


def test_a_called_job_that_fails_fails_the_call() -> None:
    run = _run(_jobs(call=_CALL, b="needs: call", c="needs: call\nif: failure()"), lib=_LIBRARY)
    run.end("call / one", _F)

    assert run.reason("call / two") == "it needs one, which failed"
    assert run.reason("b") == "it needs call, which failed"
    assert run.begun[-1] == "c"


def test_a_call_that_is_skipped_skips_every_called_job_with_the_reason() -> None:
    run = _run(_jobs(a="", call=f"{_CALL}needs: a", b="needs: call"), lib=_LIBRARY)
    run.end("a", _F)

    assert run.reason("call / one") == run.reason("call / two") == "it needs a, which failed"
    assert run.reason("b") == "it needs call, which was skipped"


def test_of_a_matrix_of_calls_one_that_fails_stops_the_others() -> None:
    run = _run(_jobs(call=f"{_CALL}strategy: {{matrix: {{n: [1, 2]}}}}"), lib=_LIBRARY)
    run.end("call (1) / one", _F)

    assert run.stopped == ["call (2) / one"]
    run.end("call (2) / one", _C)
    assert run.ended["call (2) / two"] == (
        Conclusion.SKIPPED,
        "another leg failed (fail-fast): call (1)",
    )
    assert run.schedule.is_done


def test_a_call_with_late_inputs_is_planned_when_they_are_known() -> None:
    inputs = "    inputs: {n: {type: string}}\n"
    library = _callable(_jobs(one="strategy: {matrix: {n: ['${{ inputs.n }}']}}"), inputs)
    run = _run(_jobs(a="", call=f"{_CALL}needs: a\nwith: {{n: '${{{{ needs.a.outputs.x }}}}'}}"), lib=library)
    run.end("a", x="7")

    assert run.begun == ["a", "call / one (7)"]


def test_calls_nest() -> None:
    outer = _callable(_jobs(deep="uses: ./.github/workflows/lib.yml"))
    run = _run(_jobs(call="uses: ./.github/workflows/outer.yml", b="needs: call"), outer=outer, lib=_LIBRARY)
    run.end("call / deep / one")
    run.end("call / deep / two")

    assert run.begun[-1] == "b"


@pytest.mark.parametrize(
    ("secrets", "expected"),
    [
        ("", {"GITHUB_TOKEN": "t"}),
        ("secrets: inherit", {"GITHUB_TOKEN": "t", "KEY": "k"}),
        ("secrets: {mine: '${{ secrets.KEY }}'}", {"GITHUB_TOKEN": "t", "mine": "k"}),
    ],
)
def test_a_called_job_is_entitled_to_the_secrets_that_the_call_gives(
    secrets: str, expected: dict[str, str]
) -> None:
    """The token is there whatever the call says."""
    library = _callable(_jobs(one=""), "    secrets: {mine: {required: false}}\n")
    run = _run(_jobs(call=_CALL + secrets), secrets={"GITHUB_TOKEN": "t", "KEY": "k"}, lib=library)

    assert run.running["call / one"].contexts()["secrets"] == expected


def test_a_called_workflow_waits_for_its_own_group_and_for_the_calls() -> None:
    library = "concurrency: inner\n" + _LIBRARY
    run = _run(_jobs(call=f"{_CALL}concurrency: outer"), lib=library)

    assert run.begun == []
    run.enter("call")
    assert run.begun == ["call / one"]


_WIDE_LIBRARY = _callable(_jobs(one="", two="needs: one", three="needs: one"))
_CONDITIONS = ("", "if: always()", "if: failure()", "if: cancelled()", "if: false", "if: '!cancelled()'")


@st.composite
def _workflows(draw: st.DrawFn) -> str:
    names = [f"j{number}" for number in range(draw(st.integers(1, 7)))]
    jobs = {}
    for number, name in enumerate(names):
        needs = draw(st.lists(st.sampled_from(names[:number]), unique=True)) if number else []
        keys = [draw(st.sampled_from(_CONDITIONS)), f"needs: [{', '.join(needs)}]" if needs else ""]
        legs, limit = draw(st.integers(0, 3)), draw(st.integers(1, 3))
        if legs:
            fail_fast = str(draw(st.booleans())).lower()
            matrix = f"{{n: {list(range(legs))}}}"
            keys.append(f"strategy: {{fail-fast: {fail_fast}, max-parallel: {limit}, matrix: {matrix}}}")
        keys.append(draw(st.sampled_from(["", "", "concurrency: g", _CALL.strip()])))
        jobs[name] = "\n".join(filter(None, keys))
    return _jobs(**jobs)


@settings(max_examples=150, deadline=None)
@given(text=_workflows(), places=st.integers(1, 4), data=st.data())
def test_every_leg_ends_once_within_the_limits_whatever_happens(text: str, places: int, data: Any) -> None:
    """Something can always go on until all is over; limits hold; nothing starts before what it needs has ended.

    And what legs that run at once may share is never more than there is.
    """
    run = _run(text, places=places, lib=_WIDE_LIBRARY)
    is_cancelled = False
    while not run.schedule.is_done:
        assert run.running or run.entering, "nothing can go on"
        assert len(run.running) <= places
        assert sum(run.shares[key] for key in run.running) <= 1
        _check(run)
        moves = [*(("end", key) for key in run.running), *(("enter", key) for key in run.entering)]
        kind, key = data.draw(st.sampled_from([*moves, *([] if is_cancelled else [("cancel", "")])]))
        match kind:
            case "end":
                run.end(key, data.draw(st.sampled_from([_C] if key in run.stopped else [_S, _S, _F])))
            case "enter":
                run.enter(key)
            case _:
                is_cancelled = True
                run.cancel()

    assert not run.running
    assert len(run.begun) == len(set(run.begun))
    assert len(run.stopped) == len(set(run.stopped))
    assert all(reason for key, (_, reason) in run.ended.items() if key not in run.begun)


def _check(run: _Run) -> None:
    for leg in run.running.values():
        assert all(each.record is not None for each in leg.job.needed())
        active = [each for each in leg.job.legs if each.phase is Phase.RUNNING]
        strategy = leg.job.plan.strategy
        assert strategy is not None
        assert len(active) <= strategy.max_parallel
        if not leg.job.plan.job.condition.written and leg.key not in run.stopped:
            results = [each.result for each in leg.job.needs().values()]
            assert all(result is _S for result in results)
