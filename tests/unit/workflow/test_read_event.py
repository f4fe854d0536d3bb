"""Triggers and the rules about them."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.event import Event, InputType, Schedule, Trigger, WorkflowCall, WorkflowDispatch
from terraphim_runner.workflow.event_shape import EVENTS
from terraphim_runner.workflow.reader import ReadResult, read_workflow
from terraphim_runner.workflow.value import Flag, Number, Template


def read(on: str) -> ReadResult:
    return read_workflow(f"on: {on}\njobs: {{a: {{runs-on: x}}}}\n", "ci.yml")


def trigger(on: str) -> Trigger:
    result = read(on)
    assert result.workflow is not None, result.diagnostics
    return result.workflow.triggers[0]


def faults(on: str, severity: Severity = Severity.ERROR) -> list[str]:
    return [each.code for each in read(on).diagnostics if each.severity is severity]


@pytest.mark.parametrize("event", sorted(EVENTS))
def test_every_event_may_stand_alone(event: str) -> None:
    assert str(trigger(event).name) == event
    assert str(trigger(f"[{event}]").name) == event


def test_a_filter_that_is_not_written_is_not_an_empty_one() -> None:
    event = trigger("{push: {branches: main, paths: ['**', '!docs/**']}}")

    assert isinstance(event, Event)
    assert event.branches is not None
    assert [str(pattern) for pattern in event.branches.patterns] == ["main"]
    assert event.paths is not None
    assert [str(pattern) for pattern in event.paths.patterns] == ["**", "!docs/**"]
    assert event.tags is None


@pytest.mark.parametrize("name", ["branches", "tags", "paths"])
def test_a_filter_and_its_opposite_exclude_each_other(name: str) -> None:
    assert faults(f"{{push: {{{name}: a, {name}-ignore: b}}}}") == ["filters-exclude-each-other"]


@pytest.mark.parametrize(
    ("on", "code"),
    [
        ("posh", "unexpected-value"),
        ("{posh: }", "unknown-key"),
        ("{push: {branch: main}}", "unknown-key"),
        ("{issues: {types: [opend]}}", "unexpected-value"),
        ("{check_suite: {types: requested}}", "unexpected-value"),
        ("{schedule: [{cron: '@daily'}]}", "bad-cron"),
        ("{schedule: [{timezone: Europe/London}]}", "missing-key"),
        ("{workflow_dispatch: {inputs: {a: {type: text}}}}", "unexpected-value"),
        ("{workflow_dispatch: {inputs: {a: {type: choice}}}}", "choice-without-options"),
        ("{workflow_dispatch: {inputs: {a: {options: [x]}}}}", "options-without-choice"),
        ("{workflow_call: {inputs: {a: {required: true}}}}", "missing-key"),
        ("{workflow_call: {inputs: {a: {type: choice}}}}", "unexpected-value"),
        ("{workflow_call: {outputs: {a: {description: d}}}}", "missing-key"),
        ("{workflow_call: {outputs: {a: {value: '${{ steps.x }}'}}}}", "context-not-available"),
    ],
)
def test_a_trigger_that_cannot_be_is_refused(on: str, code: str) -> None:
    assert faults(on) == [code]


@pytest.mark.parametrize(
    ("on", "code"),
    [
        ("schedule", "schedule-without-cron"),
        ("{schedule: [{cron: '*/2 * * * *'}]}", "cron-too-often"),
        ("{release: {branches: main}}", "ignored-key"),
        ("{create: {tags: v1}}", "ignored-key"),
        ("{push: {branches: ['[a']}}", "bad-pattern"),
        ("{push: {branches: refs/heads/main}}", "pattern-never-matches"),
        ("{push: {branches: ['!main']}}", "pattern-never-matches"),
        ("{workflow_dispatch: {inputs: {a: {type: boolean, default: 'yes'}}}}", "default-of-other-type"),
        ("{workflow_dispatch: {inputs: {a: {type: number, default: x}}}}", "default-of-other-type"),
        ("{workflow_dispatch: {inputs: {a: {type: choice, options: [x], default: y}}}}", "default-of-other-type"),
    ],
)
def test_what_github_takes_but_nobody_means_is_warned_of(on: str, code: str) -> None:
    assert faults(on) == []
    assert faults(on, Severity.WARNING) == [code]


def test_more_inputs_than_github_allows_are_warned_of() -> None:
    inputs = ", ".join(f"i{n}: {{}}" for n in range(26))

    assert faults(f"{{workflow_dispatch: {{inputs: {{{inputs}}}}}}}", Severity.WARNING) == ["too-many-inputs"]


def test_a_schedule_keeps_its_lines_and_zones() -> None:
    schedule = trigger("{schedule: [{cron: '0 9 * * *', timezone: Europe/Berlin}, {cron: 0 0 * * 1}]}")

    assert isinstance(schedule, Schedule)
    assert [(str(cron.cron), cron.timezone and str(cron.timezone)) for cron in schedule.crons] == [
        ("0 9 * * *", "Europe/Berlin"),
        ("0 0 * * 1", None),
    ]


def test_inputs_keep_their_types() -> None:
    dispatch = trigger(
        "{workflow_dispatch: {inputs: {a: , b: {type: boolean, default: true, required: true}, "
        "c: {type: number, default: 5}, d: {type: choice, options: [x, y], default: x, description: which}}}}"
    )

    assert isinstance(dispatch, WorkflowDispatch)
    a, b, c, d = dispatch.inputs
    assert (a.type, a.required, a.default) == (InputType.STRING, False, None)
    assert (b.type, b.required) == (InputType.BOOLEAN, True)
    assert isinstance(b.default, Flag)
    assert isinstance(c.default, Number)
    assert isinstance(d.default, Template)
    assert [str(option) for option in d.options] == ["x", "y"]
    assert d.description == "which"


def test_a_reusable_workflow_declares_inputs_secrets_and_outputs() -> None:
    call = trigger(
        "{workflow_call: {inputs: {a: {type: string, default: '${{ github.ref }}'}},"
        " secrets: {s: , t: {required: true}},"
        " outputs: {o: {value: '${{ jobs.a.outputs.o }}'}}}}"
    )

    assert isinstance(call, WorkflowCall)
    assert [str(each.name) for each in call.inputs] == ["a"]
    assert [(str(each.name), each.required) for each in call.secrets] == [("s", False), ("t", True)]
    assert [str(each.value) for each in call.outputs] == ["${{ jobs.a.outputs.o }}"]


@pytest.mark.parametrize("key", ["inputs", "secrets", "outputs"])
def test_a_called_workflow_that_declares_nothing_does_not_say_so(key: str) -> None:
    """As for GitHub's parser; a dispatch may."""
    assert faults(f"{{workflow_call: {{{key}: }}}}") == ["unexpected-value"]
    assert faults("{workflow_dispatch: {inputs: }}") == []
