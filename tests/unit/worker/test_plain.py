"""What goes through the worker's socket comes out as it was."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import NoneType

import pytest

from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span
from terraphim_runner.domain.errors import HostError, RunnerError, SessionRefused, WorkflowError
from terraphim_runner.domain.event import RunEvent
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.worker.message import WorkerStatus
from terraphim_runner.worker.plain import _hints, event_from_plain, event_to_plain, from_plain, to_plain
from terraphim_runner.worker.told_error import error_from_plain, error_to_plain

_KINDS = typing.get_args(RunEvent)
_WORDS = {
    str: "w\udc80\n",
    int: 3,
    float: 1.5,
    bool: True,
    Path: Path("/a"),
    datetime: datetime(2026, 1, 1, tzinfo=UTC),
}


def example(kind: typing.Any) -> typing.Any:  # noqa: PLR0911  # a table
    """Make a value of a type, with something in every part of it."""
    if isinstance(kind, typing.NewType):
        return example(kind.__supertype__)
    if dataclasses.is_dataclass(kind):
        hints = _hints(typing.cast("typing.Any", kind))
        return typing.cast("typing.Any", kind)(
            **{f.name: example(hints[f.name]) for f in dataclasses.fields(kind)}
        )
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    match typing.get_origin(kind), typing.get_args(kind):
        case None, _:
            return _WORDS.get(kind, "anything")
        case origin, (inner, *_) if origin is tuple:
            return (example(inner),) * 2
        case origin, (inner,) if origin is Sequence:
            return [example(inner)]
        case _, (_, inner) if inner is not NoneType:
            return {"key": example(inner)}
        case _, arguments:
            return example(arguments[0])


@pytest.mark.parametrize("kind", _KINDS)
def test_every_event_survives_the_journey(kind: type) -> None:
    """Those that will be added, too."""
    event = example(kind)

    assert event_from_plain(json.loads(json.dumps(event_to_plain(event)))) == event


@pytest.mark.parametrize("kind", [LocalRun, WorkerStatus])
def test_what_is_asked_and_answered_survives_the_journey(kind: type) -> None:
    """All of it."""
    value = example(kind)

    assert from_plain(kind, json.loads(json.dumps(to_plain(value)))) == value


def test_what_is_none_is_refused() -> None:
    """Nobody gets a text where a number is due."""
    with pytest.raises(TypeError, match="is no int"):
        from_plain(Position, {"line": "1", "column": 1})


@pytest.mark.parametrize(
    "error",
    [
        HostError("no disk", hint="buy one"),
        SessionRefused(),
        WorkflowError(
            [Diagnostic(Span("ci.yml", Position(1, 2), Position(1, 3)), Severity.ERROR, "code", "wrong")]
        ),
    ],
)
def test_an_error_arrives_as_what_it_is(error: RunnerError) -> None:
    """Class, message, hint, and the places of faults."""
    arrived = error_from_plain(json.loads(json.dumps(error_to_plain(error))))

    assert (type(arrived), str(arrived), arrived.hint) == (type(error), str(error), error.hint)
    assert getattr(arrived, "diagnostics", None) == getattr(error, "diagnostics", None)
