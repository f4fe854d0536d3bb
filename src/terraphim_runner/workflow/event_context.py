"""An event as it concerns one run: GitHub's payload, and what follows from it about refs and commits.

Nothing here is guessed. What the payload does not say comes from the repository, and what that does not say
stays empty or None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PULL_REQUEST_EVENTS = frozenset(
    {
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
    }
)
NO_COMMIT = "0" * 40

_HEADS, _TAGS = "refs/heads/", "refs/tags/"
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What the local clone knows, for what a payload leaves open."""

    ref: str = ""  # in full: refs/heads/main
    sha: str = ""
    default_branch: str = ""
    name: str = ""  # owner/name
    actor: str = ""
    head_message: str | None = None  # of the commit `sha`


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """One event.

    `changed_files` are those GitHub would compare the paths filters with, None where nobody knows them.
    `head_message` is the message of the commit that was pushed, or of the pull request's last one.
    """

    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    ref: str = ""
    sha: str = ""
    base_ref: str = ""  # of a pull request: a branch's name, without refs/heads/
    head_ref: str = ""
    default_branch: str = ""
    repository: str = ""
    actor: str = ""
    changed_files: tuple[str, ...] | None = None
    head_message: str | None = None

    @property
    def action(self) -> str | None:
        """Give the activity type, `opened` for instance; None where the payload names none."""
        return _text(self.payload.get("action")) or None

    @property
    def ref_name(self) -> str:
        """Give the ref as people write it: a branch's or tag's name, or `12/merge`."""
        for prefix in (_HEADS, _TAGS, "refs/pull/"):
            if self.ref.startswith(prefix):
                return self.ref.removeprefix(prefix)
        return self.ref

    @property
    def ref_type(self) -> str:
        """Give `tag` or `branch`; a pull request's merge ref counts as a branch, as on GitHub."""
        return "tag" if self.ref.startswith(_TAGS) else "branch" if self.ref else ""

    @property
    def is_deletion(self) -> bool:
        """Tell whether a push deleted its ref."""
        return self.payload.get("deleted") is True or self.payload.get("after") == NO_COMMIT

    @property
    def is_fork(self) -> bool:
        """Tell whether a pull request comes from another repository; one whose repository is gone does."""
        pull_request = self.pull_request
        if not pull_request.get("head") or not pull_request.get("base"):
            return False
        head, base = (_map(_map(pull_request[side]).get("repo")).get("full_name") for side in ("head", "base"))
        return base is not None and head != base

    @property
    def is_draft(self) -> bool:
        """Tell whether a pull request is a draft."""
        return self.pull_request.get("draft") is True

    @property
    def pull_request(self) -> Mapping[str, Any]:
        """Give the payload's pull request, or nothing."""
        return _map(self.payload.get("pull_request"))

    def github(self) -> dict[str, Any]:
        """Give the part of the `github` context that the event decides."""
        owner = self.repository.partition("/")[0]
        repository = _map(self.payload.get("repository"))
        ids = {
            "actor_id": _id(self.payload.get("sender")),
            "repository_id": _id(repository),
            "repository_owner_id": _id(repository.get("owner")),
        }
        return {
            "event_name": self.name,
            "event": dict(self.payload),
            "ref": self.ref,
            "ref_name": self.ref_name,
            "ref_type": self.ref_type,
            "ref_protected": False,
            "sha": self.sha,
            "base_ref": self.base_ref,
            "head_ref": self.head_ref,
            "actor": self.actor,
            "triggering_actor": self.actor,
            "repository": self.repository,
            "repository_owner": owner,
            "repositoryUrl": f"git://github.com/{self.repository}.git" if self.repository else "",
            **{name: value for name, value in ids.items() if value},
        }


def event_context(
    name: str,
    payload: Mapping[str, Any],
    repository: Repository,
    *,
    changed_files: tuple[str, ...] | None = None,
) -> EventContext:
    """Derive an event's refs and commits as GitHub does; the repository answers what the payload leaves open."""
    default_branch = _text(_map(payload.get("repository")).get("default_branch")) or repository.default_branch
    origin = Origin(payload, repository, default_branch)
    ref, sha = _derive(name, origin)
    is_pull_request = name in PULL_REQUEST_EVENTS
    return EventContext(
        name=name,
        payload=payload,
        ref=ref,
        sha=sha or repository.sha,
        base_ref=_branch(payload, "base") if is_pull_request else "",
        head_ref=_branch(payload, "head") if is_pull_request else "",
        default_branch=default_branch,
        repository=_text(_map(payload.get("repository")).get("full_name")) or repository.name,
        actor=_text(_map(payload.get("sender")).get("login")) or repository.actor,
        changed_files=changed_files,
        head_message=_head_message(name, payload, repository),
    )


@dataclass(frozen=True, slots=True)
class Origin:
    """What an event's ref and commit are derived from."""

    payload: Mapping[str, Any]
    repository: Repository
    default_branch: str

    @property
    def default_ref(self) -> str:
        """Give the default branch in full, or what is checked out where nobody knows it."""
        return f"{_HEADS}{self.default_branch}" if self.default_branch else self.repository.ref


def _push(origin: Origin) -> tuple[str, str]:
    if origin.payload.get("deleted") is True:
        return _text(origin.payload.get("ref")) or origin.default_ref, ""
    return _text(origin.payload.get("ref")) or origin.repository.ref, _text(origin.payload.get("after"))


def _checked_out(origin: Origin) -> tuple[str, str]:
    return _text(origin.payload.get("ref")) or origin.repository.ref, ""


def _pull_request(origin: Origin) -> tuple[str, str]:
    pull_request = _map(origin.payload.get("pull_request"))
    sha = _text(pull_request.get("merge_commit_sha"))
    if pull_request.get("merged") is True:
        return f"{_HEADS}{_branch(origin.payload, 'base')}", sha
    number = origin.payload.get("number") or pull_request.get("number")
    return (f"refs/pull/{number}/merge", sha) if number else (origin.repository.ref, sha)


def _pull_request_target(origin: Origin) -> tuple[str, str]:
    base = _branch(origin.payload, "base")
    branch = origin.default_branch or base
    sha = _text(_map(_map(origin.payload.get("pull_request")).get("base")).get("sha"))
    return f"{_HEADS}{branch}" if branch else origin.repository.ref, sha if branch == base else ""


def _deployment(origin: Origin) -> tuple[str, str]:
    deployment = _map(origin.payload.get("deployment"))
    return _text(deployment.get("ref")), _text(deployment.get("sha"))


def _release(origin: Origin) -> tuple[str, str]:
    tag = _text(_map(origin.payload.get("release")).get("tag_name"))
    return f"{_TAGS}{tag}" if tag else origin.repository.ref, ""


def _create(origin: Origin) -> tuple[str, str]:
    ref = _text(origin.payload.get("ref"))
    if not ref or ref.startswith("refs/") or _COMMIT.fullmatch(ref):
        return ref or origin.repository.ref, ""
    return f"{_TAGS if origin.payload.get('ref_type') == 'tag' else _HEADS}{ref}", ""


def _merge_group(origin: Origin) -> tuple[str, str]:
    group = _map(origin.payload.get("merge_group"))
    return _text(group.get("head_ref")) or origin.repository.ref, _text(group.get("head_sha"))


def _default_branch(origin: Origin) -> tuple[str, str]:
    return origin.default_ref, ""


def _default_branch_of_payload(origin: Origin) -> tuple[str, str]:
    """Take an event that is not known for one that happens to the repository, if it names that."""
    is_named = _text(_map(origin.payload.get("repository")).get("default_branch")) != ""
    return _default_branch(origin) if is_named else _checked_out(origin)


_ON_DEFAULT_BRANCH = frozenset(
    {
        "branch_protection_rule",
        "check_run",
        "check_suite",
        "delete",
        "discussion",
        "discussion_comment",
        "fork",
        "gollum",
        "image_version",
        "issue_comment",
        "issues",
        "label",
        "milestone",
        "page_build",
        "project",
        "project_card",
        "project_column",
        "public",
        "registry_package",
        "repository_dispatch",
        "schedule",
        "status",
        "watch",
        "workflow_run",
    }
)


def _derive(name: str, origin: Origin) -> tuple[str, str]:
    unlisted = _default_branch if name in _ON_DEFAULT_BRANCH else _default_branch_of_payload
    return _DERIVATIONS.get(name, unlisted)(origin)


_DERIVATIONS: dict[str, Callable[[Origin], tuple[str, str]]] = {
    "push": _push,
    "workflow_dispatch": _checked_out,
    "pull_request": _pull_request,
    "pull_request_review": _pull_request,
    "pull_request_review_comment": _pull_request,
    "pull_request_review_thread": _pull_request,
    "pull_request_target": _pull_request_target,
    "deployment": _deployment,
    "deployment_status": _deployment,
    "release": _release,
    "create": _create,
    "merge_group": _merge_group,
}


def _head_message(name: str, payload: Mapping[str, Any], repository: Repository) -> str | None:
    message = _text(_map(payload.get("head_commit")).get("message"))
    is_other_commit = name == "push" and payload.get("after") not in {None, repository.sha}
    return message or (None if is_other_commit else repository.head_message)


def _branch(payload: Mapping[str, Any], side: str) -> str:
    return _text(_map(_map(payload.get("pull_request")).get(side)).get("ref"))


def _id(owner: object) -> str:
    identifier = _map(owner).get("id")
    return "" if identifier is None else str(identifier)


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
