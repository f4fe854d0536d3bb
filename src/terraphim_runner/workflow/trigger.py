"""Whether an event starts a workflow, and why, or why not.

The rules are those of GitHub's documentation. Where something is not known (the changed files, most often) the
workflow runs, as GitHub's do when it cannot make a diff, and the decision says that it is not certain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from terraphim_runner.workflow.event import Event, Schedule, WorkflowCall, WorkflowDispatch
from terraphim_runner.workflow.event_context import PULL_REQUEST_EVENTS
from terraphim_runner.workflow.skip_instruction import skip_instruction
from terraphim_runner.workflow.trigger_filter import Clause, exact_clause, name_clause, path_clauses, type_clause

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event import Filter, Trigger
    from terraphim_runner.workflow.event_context import EventContext

_DEFAULT_TYPES = {
    "pull_request": ("opened", "synchronize", "reopened"),
    "pull_request_target": ("opened", "synchronize", "reopened"),
}
_SKIPPABLE = frozenset({"push", "pull_request"})


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer for one workflow and one event. `reason` follows «because»; `span` is the filter that decided."""

    file: str
    event: str
    runs: bool
    reason: str
    span: Span | None = None
    is_certain: bool = True
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Give the whole sentence."""
        verb = "runs" if self.runs else "does not run"
        return f"{self.file} {verb} on {self.event} because {self.reason}."


def decide(workflow: Workflow, event: EventContext) -> Decision:
    """Say whether an event starts a workflow."""
    trigger = workflow.trigger(event.name)
    if trigger is None:
        return Decision(workflow.file, event.name, False, _not_listening(workflow, event))
    clauses = list(_clauses(trigger, event))
    failing = next((clause for clause in clauses if not clause.passes), None)
    if failing is not None:
        return Decision(workflow.file, event.name, False, failing.reason, failing.span)
    reason = ", and ".join(clause.reason for clause in clauses) or _plain(trigger)
    certain = all(clause.is_certain for clause in clauses)
    span = clauses[0].span if clauses else trigger.name.span
    return Decision(workflow.file, event.name, True, reason, span, certain, tuple(_notes(event)))


def _clauses(trigger: Trigger, event: EventContext) -> Iterator[Clause]:
    match trigger:
        case Event():
            yield from _circumstances(trigger, event)
            yield from type_clause(
                event.action, event.name, trigger.types, _DEFAULT_TYPES.get(event.name, ()), trigger.name.span
            )
            yield from _filters(trigger, event)
        case Schedule():
            yield from _schedule(trigger, event)
        case WorkflowCall():
            yield Clause(
                False, "a workflow_call is not an event: only another workflow starts it", trigger.name.span
            )
        case WorkflowDispatch():
            return
        case _:
            assert_never(trigger)


def _circumstances(trigger: Event, event: EventContext) -> Iterator[Clause]:
    """Tell what keeps every workflow from running, whatever its filters."""
    instruction = skip_instruction(event.head_message or "") if event.name in _SKIPPABLE else None
    if instruction is not None:
        yield Clause(False, f"the commit message says {instruction}", trigger.name.span)
    if reason := _inert(event):
        yield Clause(False, reason, trigger.name.span)


def _inert(event: EventContext) -> str | None:  # noqa: PLR0911 - one line per circumstance
    payload = event.payload
    match event.name:
        case "push" if event.is_deletion:
            return f"the push deleted {event.ref_type} '{event.ref_name}', so there is no commit to run"
        case "pull_request" if event.pull_request.get("mergeable") is False and not event.pull_request.get(
            "merged"
        ):
            return "the pull request has a merge conflict, so there is no merge commit to run"
        case "release" if _get(payload, "release", "draft") is True and event.action in _NOT_FOR_DRAFTS:
            return f"GitHub starts nothing for the activity '{event.action}' of a draft release"
        case "deployment_status" if _get(payload, "deployment_status", "state") == "inactive":
            return "GitHub starts nothing when a deployment becomes inactive"
        case "check_run" if _get(payload, "check_run", "check_suite", "app", "slug") == _ACTIONS:
            return "the check run is GitHub Actions' own, which starts nothing"
        case "check_suite" if _get(payload, "check_suite", "app", "slug") == _ACTIONS:
            return "the check suite is GitHub Actions' own, which starts nothing"
        case _:
            return None


_NOT_FOR_DRAFTS = frozenset({"created", "edited", "deleted"})
_ACTIONS = "github-actions"


def _filters(trigger: Event, event: EventContext) -> Iterator[Clause]:
    if event.name == "push":
        yield from _push(trigger, event)
        return
    key = f"on.{event.name}.branches"
    yield from name_clause(_branch_word(event), _branch(event), key, trigger.branches, trigger.branches_ignore)
    yield from path_clauses(event.changed_files, 0, event.name, trigger.paths, trigger.paths_ignore)
    if trigger.workflows is not None:
        name = _get(event.payload, "workflow_run", "name") or _get(event.payload, "workflow", "name")
        yield exact_clause("workflow", name, f"on.{event.name}.workflows", trigger.workflows)
    for what, judged in (("name", trigger.names), ("version", trigger.versions)):
        value = _get(event.payload, "image_version", what) or ""
        yield from name_clause(f"image {what}", str(value), f"on.{event.name}.{what}s", judged, None)


def _push(trigger: Event, event: EventContext) -> Iterator[Clause]:
    branches, tags = (trigger.branches, trigger.branches_ignore), (trigger.tags, trigger.tags_ignore)
    is_tag = event.ref_type == "tag"
    own, other = (tags, branches) if is_tag else (branches, tags)
    what, plural, others = ("tag", "tags", "branches") if is_tag else ("branch", "branches", "tags")
    foreign = next((each for each in other if each is not None), None)
    if own == (None, None) and foreign is not None and event.ref:
        yield _wrong_kind(what, event, others, foreign)
        return
    yield from name_clause(what, event.ref_name, f"on.push.{plural}", *own)
    if is_tag:
        yield from _no_paths_for_tags(trigger)
    else:
        commits = _commits(event)
        yield from path_clauses(event.changed_files, commits, "push", trigger.paths, trigger.paths_ignore)


def _wrong_kind(what: str, event: EventContext, others: str, foreign: Filter) -> Clause:
    reason = (
        f"{what} '{event.ref_name}' was pushed, and on.push filters only {others} (line {foreign.span.start.line})"
    )
    return Clause(False, reason, foreign.span)


def _no_paths_for_tags(trigger: Event) -> Iterator[Clause]:
    for key, paths in (("paths", trigger.paths), ("paths-ignore", trigger.paths_ignore)):
        if paths is not None:
            place = f"on.push.{key} (line {paths.span.start.line})"
            yield Clause(True, f"{place} is not looked at when a tag is pushed", paths.span)


def _schedule(trigger: Schedule, event: EventContext) -> Iterator[Clause]:
    fired = event.payload.get("schedule")
    if not isinstance(fired, str):
        return
    cron = next((cron for cron in trigger.crons if cron.cron.value == fired), None)
    if cron is not None:
        yield Clause(
            True, f"it is time for '{fired}' in on.schedule (line {cron.cron.span.start.line})", cron.span
        )
    else:
        crons = ", ".join(f"'{cron.cron}'" for cron in trigger.crons)
        place = f"on.schedule (line {trigger.name.span.start.line})"
        yield Clause(False, f"'{fired}' is not in {place}: {crons}", trigger.name.span)


def _branch(event: EventContext) -> str:
    if event.name in PULL_REQUEST_EVENTS:
        return event.base_ref
    match event.name:
        case "workflow_run":
            return str(_get(event.payload, "workflow_run", "head_branch") or "")
        case "merge_group":
            return str(_get(event.payload, "merge_group", "base_ref") or "").removeprefix("refs/heads/")
        case _:
            return event.ref_name


def _branch_word(event: EventContext) -> str:
    if event.name in PULL_REQUEST_EVENTS or event.name == "merge_group":
        return "base branch"
    return "the triggering run's branch" if event.name == "workflow_run" else "branch"


def _commits(event: EventContext) -> int:
    commits = event.payload.get("commits")
    size = event.payload.get("size")
    return size if isinstance(size, int) else len(commits) if isinstance(commits, list) else 0


def _plain(trigger: Trigger) -> str:
    return f"on.{trigger.name} (line {trigger.name.span.start.line}) has no filter"


def _not_listening(workflow: Workflow, event: EventContext) -> str:
    names = [f"{trigger.name} (line {trigger.name.span.start.line})" for trigger in workflow.triggers]
    return (
        f"on does not name {event.name}, only {_enumerate(names)}" if names else f"on does not name {event.name}"
    )


def _enumerate(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _notes(event: EventContext) -> Iterator[str]:
    if event.name not in PULL_REQUEST_EVENTS:
        return
    if event.is_fork and event.name != "pull_request_target":
        yield "the pull request comes from a fork: the run gets no secrets and a token that can only read"
    elif event.is_fork:
        yield "the pull request comes from a fork, but the run has the base repository's secrets and token"
    if event.is_draft:
        yield "the pull request is a draft, for which workflows run all the same"


def _get(payload: Any, *keys: str) -> Any:
    for key in keys:
        payload = payload.get(key) if isinstance(payload, dict) else None
    return payload
