"""What `on:` accepts: GitHub's events, their activity types and filters, as of mid 2026."""

from __future__ import annotations

from terraphim_runner.workflow.allowance import CALL_OUTPUT, WORKFLOW
from terraphim_runner.workflow.shape import (
    BOOLEAN,
    NON_EMPTY,
    NULL,
    NUMBER,
    STRING,
    STRING_OR_STRINGS,
    Record,
    Shape,
    either,
    list_of,
    one_of,
    record,
)

_EDITS = "created edited deleted"
_PULL_REQUEST = (
    "assigned unassigned labeled unlabeled opened edited closed reopened synchronize converted_to_draft locked"
    " unlocked enqueued dequeued milestoned demilestoned ready_for_review review_requested"
    " review_request_removed auto_merge_enabled auto_merge_disabled stacked"
)
_ISSUES = (
    "opened edited deleted transferred pinned unpinned closed reopened assigned unassigned labeled unlabeled"
    " locked unlocked milestoned demilestoned field_added field_removed typed untyped"
)
_DISCUSSION = (
    "created edited deleted transferred pinned unpinned labeled unlabeled locked unlocked category_changed"
    " answered unanswered"
)

ACTIVITIES: dict[str, frozenset[str]] = {
    event: frozenset(types.split())
    for event, types in {
        "branch_protection_rule": _EDITS,
        "check_run": "completed created rerequested requested_action",
        "check_suite": "completed",
        "create": "",
        "delete": "",
        "deployment": "",
        "deployment_status": "",
        "discussion": _DISCUSSION,
        "discussion_comment": _EDITS,
        "fork": "",
        "gollum": "",
        "image_version": "created ready deleted",
        "issue_comment": _EDITS,
        "issues": _ISSUES,
        "label": _EDITS,
        "merge_group": "checks_requested",
        "milestone": "created closed opened edited deleted",
        "page_build": "",
        "project": "created closed reopened edited deleted",
        "project_card": "created moved converted edited deleted",
        "project_column": "created updated moved deleted",
        "public": "",
        "pull_request": _PULL_REQUEST,
        "pull_request_comment": _EDITS,
        "pull_request_review": "submitted edited dismissed",
        "pull_request_review_comment": _EDITS,
        "pull_request_target": _PULL_REQUEST,
        "push": "",
        "registry_package": "published updated",
        "release": "published unpublished created edited deleted prereleased released",
        "status": "",
        "watch": "started",
        "workflow_run": "requested completed in_progress",
    }.items()
}
"""The activity types of each event that a repository has; none where the event has no types."""

_BRANCHES = ("branches", "branches-ignore")
_PATHS = ("paths", "paths-ignore")

FILTERS: dict[str, tuple[str, ...]] = {
    "image_version": ("names", "versions"),
    "merge_group": _BRANCHES,
    "pull_request": (*_BRANCHES, *_PATHS),
    "pull_request_target": (*_BRANCHES, *_PATHS),
    "push": (*_BRANCHES, "tags", "tags-ignore", *_PATHS),
    "workflow_run": ("workflows", *_BRANCHES),
}
"""The filters of each event that has any, besides its types."""


_ALL_FILTERS = frozenset({"types", *(key for keys in FILTERS.values() for key in keys)})


def _event(name: str) -> Shape:
    keys = dict.fromkeys(FILTERS.get(name, ()), STRING_OR_STRINGS)
    if types := ACTIVITIES[name]:
        activity = one_of(*types)
        keys["types"] = either(activity, list_of(activity))
    return either(NULL, Shape(records=(Record(keys, ignored=_ALL_FILTERS - keys.keys()),)))


_INPUT_DEFAULT = either(STRING, BOOLEAN, NUMBER)
_DISPATCH_INPUT = record(
    {
        "type": one_of("string", "boolean", "number", "environment", "choice"),
        "description": STRING,
        "required": BOOLEAN,
        "default": _INPUT_DEFAULT,
        "options": list_of(STRING),
    }
)
_CALL_INPUT = record(
    {
        "type": one_of("string", "boolean", "number"),
        "description": STRING,
        "required": BOOLEAN,
        "default": _INPUT_DEFAULT.within(WORKFLOW),
    },
    required=("type",),
)
_DISPATCH = record({"inputs": either(NULL, record(loose=either(NULL, _DISPATCH_INPUT)))})
_CALL = record(
    {
        "inputs": record(loose=_CALL_INPUT),
        "secrets": record(loose=either(NULL, record({"description": STRING, "required": BOOLEAN}))),
        "outputs": record(
            loose=record({"description": STRING, "value": STRING.within(CALL_OUTPUT)}, required=("value",))
        ),
    }
)
_SCHEDULE = list_of(record({"cron": NON_EMPTY, "timezone": NON_EMPTY}, required=("cron",)))

EVENTS: dict[str, Shape] = {name: _event(name) for name in ACTIVITIES} | {
    "repository_dispatch": either(NULL, record({"types": STRING_OR_STRINGS})),
    "schedule": _SCHEDULE,
    "workflow_call": either(NULL, _CALL),
    "workflow_dispatch": either(NULL, _DISPATCH),
}
"""What each event accepts in a mapping."""

_NAME = one_of(*EVENTS)
ON = either(_NAME, list_of(_NAME), record(EVENTS))
