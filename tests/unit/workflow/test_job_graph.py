"""Jobs come after what they need; otherwise the author's order stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.workflow.job_graph import closure, order, stages
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from terraphim_runner.workflow.document import Workflow


def workflow(**needs: str) -> Workflow:
    jobs = "".join(
        f"  {job}:\n    needs: [{needed}]\n    runs-on: x\n    steps: [{{run: x}}]\n"
        for job, needed in needs.items()
    )
    read = read_workflow(f"on: push\njobs:\n{jobs}", "ci.yml").workflow
    assert read is not None
    return read


DIAMOND = workflow(last="left, right", left="first", right="first", first="", alone="")


def ids(jobs: object) -> list[str]:
    return [job.id.value for job in jobs]  # type: ignore[attr-defined]


def test_a_job_comes_after_its_needs_and_the_rest_in_the_authors_order() -> None:
    assert ids(order(DIAMOND.jobs)) == ["first", "left", "right", "last", "alone"]


def test_a_stage_holds_the_jobs_that_wait_for_the_same_number_of_others() -> None:
    assert [ids(stage) for stage in stages(DIAMOND.jobs)] == [["first", "alone"], ["left", "right"], ["last"]]


@pytest.mark.parametrize(
    ("job", "expected"),
    [("last", ["last", "left", "right", "first"]), ("RIGHT", ["right", "first"]), ("alone", ["alone"])],
)
def test_a_job_is_closed_with_all_it_needs(job: str, expected: list[str]) -> None:
    assert ids(closure(DIAMOND.jobs, job)) == expected


def test_needs_match_whatever_their_case() -> None:
    jobs = workflow(Build="", test="BUILD").jobs

    assert ids(order(jobs)) == ["Build", "test"]
    assert ids(closure(jobs, "TEST")) == ["Build", "test"]


def test_there_is_no_closure_of_a_job_that_is_not_there() -> None:
    with pytest.raises(KeyError):
        closure(DIAMOND.jobs, "nobody")


def test_a_long_chain_is_no_problem() -> None:
    names = [f"j{number}" for number in range(600)]
    jobs = workflow(**dict(zip(names[::-1], [*names[-2::-1], ""], strict=True))).jobs

    assert ids(order(jobs)) == names
