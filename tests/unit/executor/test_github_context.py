"""The `github` context of a job."""

from __future__ import annotations

from terraphim_runner.executor.github_context import JobPlace, github_context, with_token

_PLACE = JobPlace("/work/hello", "/temp", "/tools", "/scratch")


def test_a_job_adds_its_own_to_what_the_run_says() -> None:
    context = github_context({"ref": "refs/heads/main"}, job_id="build", place=_PLACE)

    assert (context["ref"], context["job"], context["workspace"]) == ("refs/heads/main", "build", "/work/hello")
    assert context["event_path"] == "/temp/_github_workflow/event.json"
    assert context["secret_source"] == "Actions"


def test_the_token_is_the_jobs_own_or_empty() -> None:
    """What the run's context says of it does not count: a called workflow may have another."""
    assert with_token({"token": "old", "ref": "r"}, {"GITHUB_TOKEN": "new"}) == {"token": "new", "ref": "r"}
    assert with_token({}, {})["token"] == ""
