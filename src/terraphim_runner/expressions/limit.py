"""GitHub's limits on one expression."""

from __future__ import annotations

from typing import Final

MAX_LENGTH: Final = 21_000
MAX_DEPTH: Final = 50
MAX_MEMORY: Final = 1024 * 1024  # bytes, of one expression on its own
MAX_TEMPLATE_MEMORY: Final = 10 * 1024 * 1024  # bytes, of an expression in a workflow that runs
MAX_JSON_DEPTH: Final = 100  # of what fromJSON reads
MAX_FORMAT_INDEX: Final = 255  # the highest argument a format string may mention
