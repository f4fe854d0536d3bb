"""Errors without secrets."""

from __future__ import annotations

import traceback
from dataclasses import dataclass

import pytest

from terraphim_runner.cli.hidden_secret import hidden_secrets
from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span
from terraphim_runner.domain.errors import StateError, UsageError, WorkflowError
from terraphim_runner.executor.mask import Masker

_MASKER = Masker(["hunter2"])


@dataclass
class _Holder:
    token: str


class _Stubborn(Exception):
    def __str__(self) -> str:
        return "always hunter2"


def test_p8_an_error_and_its_hint_show_no_secret() -> None:
    with pytest.raises(UsageError) as raised, hidden_secrets(_MASKER):
        raise UsageError("no hunter2 here", hint="take hunter2 away")

    assert (str(raised.value), raised.value.hint) == ("no *** here", "take *** away")


def test_p8_faults_and_the_text_around_them_show_no_secret() -> None:
    place = Span("ci.yml", Position(1, 1), Position(1, 2))
    fault = Diagnostic(place, Severity.ERROR, "code", "hunter2 is no label", "not hunter2")
    with pytest.raises(WorkflowError) as raised, hidden_secrets(_MASKER):
        raise WorkflowError([fault], texts={"ci.yml": "on: push\nname: hunter2\n"})

    assert "hunter2" not in f"{raised.value} {raised.value.diagnostics} {raised.value.texts}"
    assert raised.value.texts == {"ci.yml": "on: push\nname: ***\n"}


def test_p8_what_is_behind_and_within_an_error_shows_none_either() -> None:
    """The report of a bug holds all of it."""
    inner = [KeyError("hunter2"), OSError(2, "hunter2")]
    with pytest.raises(ExceptionGroup) as raised, hidden_secrets(_MASKER):
        raise ExceptionGroup("several", inner) from ValueError("hunter2")

    report = "".join(traceback.format_exception_only(raised.value.__cause__))
    report += "".join(line for error in inner for line in traceback.format_exception_only(error))
    assert report == "ValueError: ***\nKeyError: '***'\nFileNotFoundError: [Errno 2] ***\n"


def test_p8_an_object_in_an_error_shows_none() -> None:
    """As a key of a mapping that is not there; its report goes to whoever reads the bug."""
    with pytest.raises(KeyError) as raised, hidden_secrets(_MASKER):
        raise KeyError(_Holder("hunter2"))

    assert str(raised.value) == "\"_Holder(token='***')\""


def test_p8_an_error_that_cannot_keep_a_secret_is_replaced() -> None:
    with pytest.raises(StateError) as raised, hidden_secrets(_MASKER):
        raise ValueError("it failed") from _Stubborn()

    assert "hunter2" not in "".join(traceback.format_exception(raised.value))
    assert str(raised.value) == "_Stubborn: always ***"


def test_what_an_error_holds_besides_secrets_stays_as_it_is() -> None:
    holder = _Holder("harmless")
    with pytest.raises(KeyError) as raised, hidden_secrets(_MASKER):
        raise KeyError(holder)

    assert raised.value.args == (holder,)
