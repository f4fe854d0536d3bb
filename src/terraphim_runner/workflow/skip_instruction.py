"""The words in a commit message that keep `push` and `pull_request` workflows from running."""

from __future__ import annotations

import re

_INSTRUCTIONS = ("[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]")
# At the message's end, behind an empty line. The documentation asks for two, of which `git commit` keeps one.
_TRAILER = re.compile(r"\n[ \t]*\n(?:\S.*\n)*skip-checks: ?true\s*\Z")


def skip_instruction(message: str) -> str | None:
    """Give the instruction that a commit message holds."""
    if found := next((each for each in _INSTRUCTIONS if each in message), None):
        return found
    return "skip-checks: true" if _TRAILER.search(message.replace("\r\n", "\n")) else None
