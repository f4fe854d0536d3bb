"""The graph of needs."""

from __future__ import annotations

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.workflow.reader import read_workflow


def faults(**needs: str) -> list[Diagnostic]:
    jobs = "".join(f"  {job}: {{runs-on: x, needs: [{wanted}]}}\n" for job, wanted in needs.items())
    diagnostics = read_workflow(f"on: push\njobs:\n  free: {{runs-on: x}}\n{jobs}", "ci.yml").diagnostics
    return [each for each in diagnostics if each.severity is Severity.ERROR]


def test_a_graph_without_circles_is_taken() -> None:
    assert faults(a="free", b="free, a", c="a, b") == []


def test_case_does_not_matter() -> None:
    assert faults(a="FREE") == []


def test_an_unknown_job_is_refused_with_a_suggestion() -> None:
    (fault,) = faults(a="fre")

    assert fault.message == "Job 'a' depends on unknown job 'fre'."
    assert fault.hint == "did you mean `free`?"


def test_a_circle_is_named_at_every_need_it_is_made_of() -> None:
    found = faults(a="free, c", b="a", c="b")

    assert [each.hint for each in found] == [
        "the cycle is a -> c -> b -> a",
        "the cycle is b -> a -> c -> b",
        "the cycle is c -> b -> a -> c",
    ]


def test_a_job_cannot_need_itself() -> None:
    assert [each.hint for each in faults(a="a")] == ["the cycle is a -> a"]


def test_a_job_behind_a_circle_is_named_too_and_in_no_circle() -> None:
    """GitHub names every need that cannot be met."""
    found = faults(a="b", b="a", c="free, a")

    assert [(each.span.start.line, each.hint is not None) for each in found] == [(4, True), (5, True), (6, False)]


def test_a_job_behind_an_unknown_one_is_named_too() -> None:
    assert [(each.span.start.line, each.code) for each in faults(a="nope", b="a")] == [
        (4, "unknown-need"),
        (5, "needs-cycle"),
    ]


def test_one_job_must_be_free() -> None:
    text = "on: push\njobs:\n  a: {runs-on: x, needs: b}\n  b: {runs-on: x, needs: a}\n"
    found = read_workflow(text, "ci.yml").diagnostics

    assert [(each.code, each.hint) for each in found] == [("no-free-job", "the cycle is a -> b -> a")]
    assert [each.code for each in read_workflow("on: push\njobs: {}\n", "ci.yml").diagnostics] == ["no-free-job"]


def test_two_circles_one_behind_the_other_are_two() -> None:
    found = faults(a="b", b="a", c="a, d", d="c")

    assert [each.hint for each in found] == [
        "the cycle is a -> b -> a",
        "the cycle is b -> a -> b",
        None,  # it is behind the other
        "the cycle is c -> d -> c",
        "the cycle is d -> c -> d",
    ]


def test_thousands_of_jobs_in_a_row_or_in_a_circle_are_no_trouble() -> None:
    chain = {f"j{n}": f"j{n - 1}" for n in range(1, 3000)}

    assert faults(j0="free", **chain) == []
    assert len(faults(j0="j2999", **chain)) == 3000
