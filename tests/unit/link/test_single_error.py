"""Which of a group's errors its callers get."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import (
    CommandNotStarted,
    FileTransferFailed,
    GuestError,
    HostError,
    MachineLost,
    StateError,
)
from terraphim_runner.link.single_error import single_error

LOST = MachineLost("lost")


@pytest.mark.parametrize(
    ("errors", "told"),
    [
        ([KeyError()], KeyError),
        ([LOST, MachineLost("too"), GuestError()], MachineLost),
        ([FileTransferFailed(), CommandNotStarted(), LOST], MachineLost),
        ([ExceptionGroup("inner", [FileTransferFailed(), LOST]), FileTransferFailed()], MachineLost),
        ([FileTransferFailed(), HostError()], HostError),
        ([FileTransferFailed(), CommandNotStarted()], FileTransferFailed),
        ([LOST, KeyError()], ExceptionGroup),
        ([LOST, ExceptionGroup("inner", [StateError()])], ExceptionGroup),
    ],
    ids=[
        "one",
        "the first of many that wait",
        "what the others follow from",
        "groups in groups",
        "the host's",
        "none of ours",
        "a bug is not hidden",
        "nor one of ours",
    ],
)
def test_a_group_comes_out_as_the_error_that_says_what_happened(
    errors: list[Exception], told: type[Exception]
) -> None:
    """Task groups are nobody's business."""
    with pytest.raises(told) as caught, single_error():
        raise ExceptionGroup("a task group's", errors)

    assert caught.type is told


def test_a_single_error_is_left_alone() -> None:
    """Its cause too."""
    with pytest.raises(MachineLost) as caught, single_error():
        raise LOST from KeyError("cause")

    assert isinstance(caught.value.__cause__, KeyError)
