"""From labels to one machine per run; what no VM type serves is said where it is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from terraphim_runner.domain.diagnostic import Position, Span
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.domain.network import NetworkMode, NetworkPolicy, Rule
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.machine import (
    Claim,
    Demand,
    Label,
    LabelTable,
    choose_machine,
    evaluate_runs_on,
)
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.sized_label import SizeRange

SMALL = VmType("small", "debian-12", 1, 1024, 4096)
LARGE = VmType("large", "debian-12", 4, 8192, 8192)
WIDE = VmType("wide", "debian-12", 8, 512, 4096)
OTHER = VmType("other", "ubuntu-24", 2, 2048, 8192)
TABLE = LabelTable(
    {"ubuntu-latest": SMALL, "Big": LARGE, "wide": WIDE, "noble": OTHER, "self-hosted": SMALL}, SMALL
)


def place(line: int) -> Span:
    return Span("ci.yml", Position(line, 14), Position(line, 27))


def demand(*labels: str, line: int = 4) -> Demand:
    return Demand(tuple(Label(label, place(line)) for label in labels), place(line))


def fault(refused: pytest.ExceptionInfo[WorkflowError]) -> tuple[str, int, str, str]:
    (only,) = refused.value.diagnostics
    return only.code, only.span.start.line, only.message, only.hint or ""


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (("ubuntu-latest",), SMALL),
        (("UBUNTU-Latest",), SMALL),
        (("big",), LARGE),
        (("self-hosted", "big"), LARGE),
        (("big", "self-hosted"), LARGE),
        (("big", "wide"), VmType("large+wide", "debian-12", 8, 8192, 8192)),
    ],
)
def test_a_machine_has_all_the_labels(labels: tuple[str, ...], expected: VmType) -> None:
    assert TABLE.machine(demand(*labels)) == expected


def test_an_unserved_label_names_the_known_ones_and_the_setting() -> None:
    with pytest.raises(WorkflowError) as refused:
        TABLE.machine(demand("windows-latest"))

    code, line, message, hint = fault(refused)
    assert (code, line) == ("unserved-label", 4)
    assert message == "No VM type serves the label 'windows-latest'"
    assert "known labels: ubuntu-latest, Big, wide, noble, self-hosted" in hint
    assert '[labels] "windows-latest" = "small"' in hint


def test_a_misspelt_label_is_suggested() -> None:
    with pytest.raises(WorkflowError) as refused:
        TABLE.machine(demand("ubuntu-latset"))

    assert fault(refused)[3].startswith("did you mean `ubuntu-latest`?")


def test_labels_with_different_images_are_no_machine() -> None:
    with pytest.raises(WorkflowError) as refused:
        TABLE.machine(demand("big", "noble"))

    assert "[big, noble]" in fault(refused)[2]


def test_labels_with_different_network_policies_are_no_machine() -> None:
    """Neither of them may be widened by the other."""
    careful = replace(SMALL, network=NetworkPolicy(NetworkMode.ALLOWLIST))
    with pytest.raises(WorkflowError) as refused:
        LabelTable({"a": SMALL, "b": careful}, SMALL).machine(demand("a", "b"))

    assert "their VM types differ in network policy" in fault(refused)[2]


@pytest.mark.parametrize("group", [None, "large-runners"])
def test_without_a_label_there_is_no_machine(group: str | None) -> None:
    with pytest.raises(WorkflowError) as refused:
        TABLE.machine(Demand((), place(4), group))

    assert fault(refused)[0] == "unserved-label"


def test_a_run_gets_the_largest_machine_of_one_image() -> None:
    claims = [Claim("a", demand("ubuntu-latest"), SMALL), Claim("b", demand("big"), LARGE)]

    assert choose_machine(claims, OTHER) == LARGE
    assert choose_machine(claims[::-1], OTHER) == LARGE


def test_a_run_whose_jobs_do_not_say_gets_the_default() -> None:
    assert choose_machine([], OTHER) == OTHER


def test_two_images_in_one_run_are_refused_by_the_names_of_both_jobs() -> None:
    claims = [Claim("build", demand("big"), LARGE), Claim("test (1)", demand("noble", line=9), OTHER)]
    with pytest.raises(WorkflowError) as refused:
        choose_machine(claims, SMALL)

    code, line, message, _ = fault(refused)
    assert (code, line) == ("different-machines", 9)
    assert "Job 'test (1)' needs the image 'ubuntu-24' (runs-on: noble)" in message
    assert "job 'build' needs 'debian-12' (runs-on: big)" in message


def test_a_label_may_name_a_size() -> None:
    """Beside other labels, of which the machine has all."""
    table = LabelTable({"self-hosted": SMALL}, SMALL, SizeRange(SMALL, 4, 8192, 8192))

    assert table.machine(demand("self-hosted", "vm-3cpu")).cpus == 3


def test_a_size_out_of_range_is_refused_where_it_stands() -> None:
    table = LabelTable({"self-hosted": SMALL}, SMALL, SizeRange(SMALL, 4, 8192, 8192))
    with pytest.raises(WorkflowError) as refused:
        table.machine(demand("self-hosted", "vm-5cpu"))

    code, line, message, _ = fault(refused)
    assert (code, line) == ("unserved-label", 4)
    assert message == "The label 'vm-5cpu' asks for 5 CPUs; it can be 1 to 4 here (sized_labels.max_cpus)"


def test_two_network_policies_in_one_run_are_refused() -> None:
    careful = replace(LARGE, network=NetworkPolicy(NetworkMode.ALLOWLIST, (Rule.parse("pypi.org"),)))
    with pytest.raises(WorkflowError) as refused:
        choose_machine([Claim("a", demand("x"), careful), Claim("b", demand("y"), SMALL)], SMALL)

    assert "needs the network policy 'open'" in fault(refused)[2]
    assert "'allowlist (pypi.org)'" in fault(refused)[2]


def evaluated(runs_on: str, value: object = None) -> Demand:
    text = f"on: push\njobs:\n  a:\n    runs-on: {runs_on}\n    steps: [{{run: x}}]\n"
    workflow = read_workflow(text, "ci.yml").workflow
    assert workflow is not None
    job = workflow.jobs[0]
    assert isinstance(job, NormalJob)
    return evaluate_runs_on(job.runs_on, Scope({"vars": {"x": json.dumps(value)}, "matrix": {"os": "big"}}))


@pytest.mark.parametrize(
    ("runs_on", "value", "labels", "group"),
    [
        ("ubuntu-latest", None, ["ubuntu-latest"], None),
        ("[self-hosted, '${{ matrix.os }}']", None, ["self-hosted", "big"], None),
        ("[self-hosted, '${{ fromJSON(vars.x) }}']", ["a", "b"], ["self-hosted", "a", "b"], None),
        ("${{ fromJSON(vars.x) }}", ["a", "b"], ["a", "b"], None),
        ("${{ fromJSON(vars.x) }}", "a", ["a"], None),
        ("${{ fromJSON(vars.x) }}", 5, ["5"], None),
        ("${{ fromJSON(vars.x) }}", False, ["false"], None),
        ("${{ fromJSON(vars.x) }}", {"group": "g", "labels": ["a"]}, ["a"], "g"),
        ("{group: g, labels: [a, b]}", None, ["a", "b"], "g"),
        ("{group: g}", None, [], "g"),
        ("{labels: '${{ matrix.os }}'}", None, ["big"], None),
    ],
)
def test_runs_on_in_all_its_forms(runs_on: str, value: object, labels: list[str], group: str | None) -> None:
    demanded = evaluated(runs_on, value)

    assert labels == [label.text for label in demanded.labels]
    assert group == demanded.group


@pytest.mark.parametrize("value", [None, "", {"os": "linux"}, [["a"]]])
def test_an_expression_that_gives_no_labels_is_refused_in_its_place(value: object) -> None:
    with pytest.raises(WorkflowError) as refused:
        evaluated("${{ fromJSON(vars.x) }}", value)

    assert fault(refused)[:2] == ("invalid-runs-on", 4)
