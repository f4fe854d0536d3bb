"""Text that can be written: JSON and file names bring halves of characters into expressions."""

from __future__ import annotations

import re

_HALF = re.compile("[\ud800-\udfff]")


def encodable(text: str) -> str:
    """Replace each half of a character by U+FFFD, as .NET's encoder, and so GitHub's runner, does."""
    return _HALF.sub("\ufffd", text)
