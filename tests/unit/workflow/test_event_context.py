"""What follows from an event's payload, and from the clone where the payload is silent."""

from __future__ import annotations

from typing import Any

import pytest

from terraphim_runner.workflow.event_context import EventContext, Repository, event_context

CLONE = Repository(
    ref="refs/heads/topic",
    sha="c10e",
    default_branch="main",
    name="octo/repo",
    actor="mona",
    head_message="Improve things",
)


def pull_request(**facts: Any) -> dict[str, Any]:
    sides = {"base": {"ref": "dev", "sha": "ba5e", "repo": {"full_name": "octo/repo"}}, "head": {"ref": "fix"}}
    return {"number": 7, "pull_request": {"number": 7, **sides, **facts}}


@pytest.mark.parametrize(
    ("name", "payload", "ref", "sha"),
    [
        ("push", {"ref": "refs/tags/v1", "after": "abc"}, "refs/tags/v1", "abc"),
        ("push", {}, "refs/heads/topic", "c10e"),
        ("push", {"ref": "refs/heads/gone", "deleted": True, "after": "0" * 40}, "refs/heads/gone", "c10e"),
        ("pull_request", pull_request(merge_commit_sha="e6e"), "refs/pull/7/merge", "e6e"),
        ("pull_request", pull_request(merged=True, merge_commit_sha="e6e"), "refs/heads/dev", "e6e"),
        ("pull_request", {}, "refs/heads/topic", "c10e"),
        ("pull_request_review", pull_request(), "refs/pull/7/merge", "c10e"),
        ("pull_request_target", pull_request(), "refs/heads/main", "c10e"),
        ("release", {"release": {"tag_name": "v1"}}, "refs/tags/v1", "c10e"),
        ("create", {"ref": "new", "ref_type": "branch"}, "refs/heads/new", "c10e"),
        ("create", {"ref": "v2", "ref_type": "tag"}, "refs/tags/v2", "c10e"),
        ("create", {"ref": "refs/tags/v2", "ref_type": "tag"}, "refs/tags/v2", "c10e"),
        ("create", {"ref": "1" * 40}, "1" * 40, "c10e"),
        ("member", {"repository": {"default_branch": "trunk"}}, "refs/heads/trunk", "c10e"),
        ("member", {}, "refs/heads/topic", "c10e"),
        ("deployment", {"deployment": {"ref": "v1", "sha": "de9"}}, "v1", "de9"),
        (
            "merge_group",
            {"merge_group": {"head_ref": "refs/heads/q/1", "head_sha": "9e1"}},
            "refs/heads/q/1",
            "9e1",
        ),
        ("workflow_dispatch", {"ref": "refs/heads/x"}, "refs/heads/x", "c10e"),
        ("schedule", {}, "refs/heads/main", "c10e"),
        ("issues", {"action": "opened"}, "refs/heads/main", "c10e"),
        ("workflow_run", {}, "refs/heads/main", "c10e"),
    ],
)
def test_ref_and_commit(name: str, payload: dict[str, Any], ref: str, sha: str) -> None:
    event = event_context(name, payload, CLONE)

    assert (ref, sha) == (event.ref, event.sha)


def test_pull_request_target_on_the_default_branch_has_its_commit() -> None:
    payload = pull_request(base={"ref": "main", "sha": "ba5e"})

    assert event_context("pull_request_target", payload, CLONE).sha == "ba5e"


@pytest.mark.parametrize(
    ("ref", "name", "kind"),
    [
        ("refs/heads/a/b", "a/b", "branch"),
        ("refs/tags/v1", "v1", "tag"),
        ("refs/pull/7/merge", "7/merge", "branch"),
        ("", "", ""),
    ],
)
def test_a_ref_as_people_write_it(ref: str, name: str, kind: str) -> None:
    event = EventContext(name="push", ref=ref)

    assert (name, kind) == (event.ref_name, event.ref_type)


def test_the_payload_is_believed_before_the_clone() -> None:
    payload = {"repository": {"full_name": "a/b", "default_branch": "trunk"}, "sender": {"login": "hubot"}}
    event = event_context("issues", payload, CLONE)

    assert (
        event.repository,
        event.default_branch,
        event.actor,
        event.ref,
    ) == ("a/b", "trunk", "hubot", "refs/heads/trunk")


@pytest.mark.parametrize(
    ("head", "is_fork"),
    [
        ({"repo": {"full_name": "octo/repo"}}, False),
        ({"repo": {"full_name": "mona/repo"}}, True),
        ({"repo": None}, True),
    ],
)
def test_a_fork_is_another_repository_or_one_that_is_gone(head: dict[str, Any], is_fork: bool) -> None:
    assert is_fork is event_context("pull_request", pull_request(head=head), CLONE).is_fork


def test_the_message_of_another_commit_is_not_taken_from_the_clone() -> None:
    assert event_context("push", {"after": "abc"}, CLONE).head_message is None
    assert event_context("push", {"after": "c10e"}, CLONE).head_message == "Improve things"
    assert event_context("push", {}, CLONE).head_message == "Improve things"
    assert event_context("push", {"head_commit": {"message": "M"}}, CLONE).head_message == "M"


def test_the_github_context_holds_what_the_event_decides() -> None:
    event = event_context("pull_request", pull_request(head={"ref": "fix"}), CLONE)
    github = event.github()

    assert github["base_ref"] == "dev"
    assert github["head_ref"] == "fix"
    assert github["ref_name"] == "7/merge"
    assert github["repository_owner"] == "octo"
    assert github["event"]["number"] == 7


def test_only_pull_requests_have_a_base_and_a_head() -> None:
    event = event_context("push", pull_request(), CLONE)

    assert (event.base_ref, event.head_ref) == ("", "")


@pytest.mark.parametrize("payload", [{"pull_request": None}, {"repository": 3}, {"sender": []}, {"number": "x"}])
def test_a_payload_of_the_wrong_shape_is_as_good_as_none(payload: dict[str, Any]) -> None:
    assert event_context("pull_request", payload, CLONE).sha == "c10e"
