"""Errors without secrets: what they say goes to the terminal, and into the report of a bug."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import RunnerError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.executor.mask import Masker


@contextmanager
def hidden_secrets(masker: Masker) -> Iterator[None]:
    """Let errors through without their secrets."""
    try:
        yield
    except Exception as error:
        for each in _all(error, set()):
            _hide(each, masker)
        raise


def _hide(error: BaseException, masker: Masker) -> None:
    error.args = tuple(masker.mask(each) if isinstance(each, str) else each for each in error.args)
    if isinstance(error, OSError):  # which shows these, and not its arguments
        for name in ("strerror", "filename", "filename2"):
            if isinstance(text := getattr(error, name), str):
                setattr(error, name, masker.mask(text))
    if isinstance(error, RunnerError) and error.hint is not None:
        error.hint = masker.mask(error.hint)
    if isinstance(error, WorkflowError):
        error.diagnostics = tuple(
            replace(each, message=masker.mask(each.message), hint=each.hint and masker.mask(each.hint))
            for each in error.diagnostics
        )
        error.texts = {name: "\n".join(map(masker.mask, text.split("\n"))) for name, text in error.texts.items()}


def _all(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    """Walk an error, those in it, and those behind it."""
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _all(inner, seen)
    yield from _all(error.__cause__, seen)
    yield from _all(error.__context__, seen)
