"""Errors without secrets: what they say goes to the terminal, and into the report of a bug."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import RunnerError, StateError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.executor.mask import Masker


@contextmanager
def hidden_secrets(masker: Masker) -> Iterator[None]:
    """Let errors through without their secrets.

    Raises:
        StateError: in the place of an error that shows secrets whatever is done to it.
    """
    try:
        yield
    except Exception as error:
        errors = [*_all(error, set())]
        for each in errors:
            _hide(each, masker)
        if (telltale := next((each for each in errors if _tells(each, masker)), None)) is not None:
            raise StateError(masker.mask(f"{type(telltale).__name__}: {telltale}")) from None
        raise


def _hide(error: BaseException, masker: Masker) -> None:
    error.args = tuple(_hidden(each, masker) for each in error.args)
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


def _tells(error: BaseException, masker: Masker) -> bool:
    """Tell whether an error of others shows a secret that is not in what it was made of, as pydantic's do."""
    return not isinstance(error, RunnerError | OSError) and masker.mask(shown := str(error)) != shown


def _hidden(value: object, masker: Masker) -> object:
    """Give the value itself if it shows no secret, else what it shows."""
    shown = str(value)
    return value if (hidden := masker.mask(shown)) == shown else hidden


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
