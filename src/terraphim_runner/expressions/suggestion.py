"""Did you mean …?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Iterable


_TELLING = 3  # so many letters at the beginning may stand for a name


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that is nearly `name`: at most one letter in three differs, or only it begins so."""
    wanted, candidates = fold_case(name), tuple(candidates)
    scored = [(_distance(wanted, fold_case(candidate)), candidate) for candidate in candidates]
    distance, best = min(scored, default=(len(wanted), None))
    if distance <= max(1, len(wanted) // 3) and distance < len(wanted):
        return best
    longer = [each for each in candidates if fold_case(each).startswith(wanted)]
    return longer[0] if len(longer) == 1 and len(wanted) >= _TELLING else None


def _distance(left: str, right: str) -> int:
    """Count the letters to insert, remove, replace or swap with a neighbour."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, one in enumerate(left, 1):
        before, previous, row = row, before, [i]
        for j, other in enumerate(right, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (one != other))
            if i > 1 and j > 1 and one == right[j - 2] and left[i - 2] == other:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1]
