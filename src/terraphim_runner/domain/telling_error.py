"""Of many errors, the one that says what happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import HostError, InfraError, RunnerError, StateError

if TYPE_CHECKING:
    from collections.abc import Iterator


def telling_error(group: BaseExceptionGroup) -> BaseException:
    """Choose of a group's errors the one that says what happened; it is the group itself where none does.

    When a machine is lost, all who wait for it learn that at once, and with their errors come those that follow
    from them. Bugs are not such: what holds one among others stays a group, so that nothing hides it.
    """
    errors = list(_leaves(group))
    if len(errors) == 1:
        return errors[0]
    if any(not isinstance(error, RunnerError) or isinstance(error, StateError) for error in errors):
        return group
    return next((error for error in errors if isinstance(error, InfraError | HostError)), errors[0])


def _leaves(group: BaseExceptionGroup) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
