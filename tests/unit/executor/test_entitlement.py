"""Which runs get secrets."""

from __future__ import annotations

import pytest

from terraphim_runner.executor.entitlement import gets_secrets
from terraphim_runner.workflow.event_context import EventContext


def _pull_request(head: str | None) -> dict[str, object]:
    head_repository = None if head is None else {"full_name": head}
    base = {"ref": "main", "repo": {"full_name": "octo/hello"}}
    return {"pull_request": {"head": {"ref": "topic", "repo": head_repository}, "base": base}}


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("pull_request", "octo/hello", True),
        ("pull_request", "stranger/hello", False),
        ("pull_request", None, False),  # the fork is gone
        ("pull_request_review", "stranger/hello", False),
        ("pull_request_target", "stranger/hello", True),
    ],
)
def test_p8_what_a_fork_proposes_gets_no_secrets(name: str, head: str | None, expected: bool) -> None:
    assert gets_secrets(EventContext(name=name, payload=_pull_request(head))) is expected


def test_other_events_get_secrets() -> None:
    assert gets_secrets(EventContext(name="push"))
