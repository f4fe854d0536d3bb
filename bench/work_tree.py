"""A work tree of a given size, always the same: half of each file is text, half is noise."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LINE = b"    def method(self, value: int) -> int: return value * %d\n"
_PER_DIRECTORY = 50


def make_tree(root: Path, *, files: int, size: int) -> list[str]:
    """Write `files` files of together `size` bytes; give their paths."""
    noise = random.Random(4000)
    paths = []
    for number in range(files):
        path = root / f"package-{number // _PER_DIRECTORY}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        half = size // files // 2
        path.write_bytes((_LINE % number * (half // len(_LINE) + 1))[:half] + noise.randbytes(half))
        paths.append(str(path.relative_to(root)))
    return paths
