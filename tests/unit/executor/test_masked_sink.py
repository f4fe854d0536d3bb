"""Events without secrets."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, get_args

import pytest

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import (
    JobResult,
    PlannedJob,
    PlannedStep,
    RunEvent,
    RunFinished,
    StepOutput,
    StepResult,
    VmEvidence,
)
from terraphim_runner.domain.ident import RunId
from terraphim_runner.executor.mask import Masker
from terraphim_runner.executor.masked_sink import IDENTITIES, MaskedSink

if TYPE_CHECKING:
    from collections.abc import Iterator

_SECRET = "hunter2"
_STEP = PlannedStep(1, f"say {_SECRET}")
_JOB = PlannedJob(_SECRET, _SECRET, f"test ({_SECRET})", (_SECRET,), (_STEP,))
_STEP_RESULT = StepResult(1, _SECRET, Conclusion.SUCCESS, Conclusion.SUCCESS, 0, 1.0, f"because {_SECRET}")
_VALUES: dict[str, Any] = {
    "datetime": datetime(2026, 1, 1, tzinfo=UTC),
    "tuple[PlannedJob, ...]": (_JOB,),
    "PlannedJob": _JOB,
    "tuple[JobResult, ...]": (
        JobResult("a", "a", _SECRET, Conclusion.SUCCESS, 1.0, _SECRET, (_STEP_RESULT,), is_tolerated=False),
    ),
    "VmEvidence | None": VmEvidence(
        "vm-1.g1", "default", "qemu", "warm", is_reused_slot=False, allocation_s=1.0, commands=1
    ),
    "Conclusion": Conclusion.SUCCESS,
    "int": 1,
    "int | None": 1,
    "float": 1.0,
    "bool": True,
    "tuple[str, ...]": (_SECRET,),
}


class _Recorder:
    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)


@pytest.mark.parametrize("kind", [kind for kind in get_args(RunEvent) if kind is not StepOutput])
def test_p8_no_text_of_any_event_shows_a_secret(kind: type[RunEvent]) -> None:
    """Whatever field it is in, unless the field says which run, job or step it is about."""
    event = kind(**{field.name: _VALUES.get(str(field.type), _SECRET) for field in fields(kind)})
    recorder = _Recorder()

    MaskedSink(recorder, Masker([_SECRET])).emit(event)

    texts = [*_texts(asdict(recorder.events[0]))]
    assert [name for name, text in texts if _SECRET in text and name not in IDENTITIES] == []
    assert type(recorder.events[0]) is kind


def test_what_events_belong_to_stays() -> None:
    """Else a secret that is also a job's id would tear the events of that job apart."""
    recorder = _Recorder()
    result = RunFinished(
        datetime(2026, 1, 1, tzinfo=UTC), RunId("run-a"), Conclusion.SUCCESS, None, 1, 1, 1.0,
        (JobResult("build", "build", "build", Conclusion.SUCCESS, 1.0, None, ()),),
    )  # fmt: skip

    MaskedSink(recorder, Masker(["build"])).emit(result)

    (event,) = recorder.events
    assert isinstance(event, RunFinished)
    assert (event.jobs[0].key, event.jobs[0].id, event.jobs[0].name) == ("build", "build", "***")


def _texts(data: object, name: str = "") -> Iterator[tuple[str, str]]:
    match data:
        case dict():
            for key, value in data.items():
                yield from _texts(value, key)
        case list() | tuple():
            for value in data:
                yield from _texts(value, name)
        case str():
            yield name, data
        case _:
            pass
