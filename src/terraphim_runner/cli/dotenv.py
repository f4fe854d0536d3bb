"""Files of `NAME=VALUE` lines, as for `--env-file`.

What most tools that read such files agree on, and nothing is expanded: a `$` in a secret is a `$`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_NAME = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.-]*)[ \t]*=[ \t]*")
_SKIPPED = re.compile(r"[ \t]*(?:#.*)?$", re.MULTILINE)
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = re.compile(r"[^\n]*")
_COMMENT = re.compile(r"(?:^|[ \t]+)#.*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


def read_dotenv(path: Path) -> dict[str, str]:
    """Read a file; of a name given twice the last value counts.

    Raises:
        UsageError: it cannot be read, or a line is no assignment; says which.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8", hint="save it as UTF-8") from error
    return dict(parse_dotenv(text, str(path)))


def parse_dotenv(text: str, name: str) -> Iterator[tuple[str, str]]:
    """Give the assignments in a file's text; `name` is for messages, which never show a value.

    Raises:
        UsageError: a line is no assignment.
    """
    place = 0
    while place < len(text):
        if skipped := _SKIPPED.match(text, place):
            place = skipped.end() + 1
            continue
        variable = _NAME.match(text, place)
        if variable is None:
            raise _fault(text, place, name, "this is no NAME=VALUE")
        value, end = _value(text, variable.end(), name)
        yield variable[1], value
        rest = _SKIPPED.match(text, end)
        if rest is None:
            raise _fault(text, end, name, "something follows the closing quote")
        place = rest.end() + 1


def _value(text: str, start: int, name: str) -> tuple[str, int]:
    if text[start : start + 1] not in {"'", '"'}:
        bare = _BARE.match(text, start)
        line = bare[0] if bare else ""
        return _COMMENT.sub("", line).strip(), start + len(line)
    is_single = text[start] == "'"
    quoted = (_SINGLE if is_single else _DOUBLE).match(text, start)
    if quoted is None:
        raise _fault(text, start, name, "the closing quote is missing")
    value = quoted[1] if is_single else _ESCAPE.sub(_unescaped, quoted[1])
    return value, quoted.end()


def _unescaped(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[0])


def _fault(text: str, place: int, name: str, message: str) -> UsageError:
    line = text.count("\n", 0, place) + 1
    return UsageError(f"{name}:{line}: {message}", hint="NAME=VALUE, NAME='VALUE' or NAME=\"VALUE\"")
