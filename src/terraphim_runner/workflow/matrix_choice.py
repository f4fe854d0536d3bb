"""What a user wants to run of the matrices: a value that goes to whoever plans, without what planning needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class MatrixChoice:
    """For some keys of matrices, the values to run. Legs that have none of the keys run as well.

    Values are compared as an expression would: `3.10` is the number 3.1.
    """

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
