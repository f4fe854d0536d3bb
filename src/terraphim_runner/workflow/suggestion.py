"""The hint that names what somebody probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterable


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Suggest the nearest of the words that would have been right, if one is near."""
    nearest = closest(word, choices)
    return None if nearest is None else f"did you mean `{nearest}`?"
