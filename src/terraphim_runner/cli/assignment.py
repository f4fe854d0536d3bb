"""What options of the form `NAME=VALUE` give."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from terraphim_runner.cli.dotenv import read_dotenv
from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

_SETTING_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = "GITHUB_"
_ALLOWED = frozenset({"GITHUB_TOKEN"})  # which GitHub gives by itself, and a user here


def parse_assignments(
    option: str,
    given: Iterable[str],
    environ: Mapping[str, str],
    ask: Callable[[str], str | None] = lambda _: None,
) -> dict[str, str]:
    """Read `NAME=VALUE`s; `NAME` alone takes its value from `environ`, or else from who is asked for it.

    Raises:
        UsageError: one is neither, or nobody knows its value. The message shows no value.
    """
    values = {}
    for assignment in given:
        name, has_value, value = assignment.partition("=")
        if not name:
            raise UsageError(f"{option}: the name is missing", hint=f"{option} NAME=VALUE")
        values[name] = value if has_value else _known_here(option, name, environ, ask)
    return values


def _known_here(option: str, name: str, environ: Mapping[str, str], ask: Callable[[str], str | None]) -> str:
    value = environ.get(name)
    if value is None:
        value = ask(name)
    if value is None:
        raise UsageError(f"{option} {name}: the variable is not set here", hint=f"{option} {name}=VALUE")
    return value


def read_files(paths: Sequence[Path] | None) -> dict[str, str]:
    """Give what files assign; later ones win.

    Raises:
        UsageError: one cannot be read.
    """
    values: dict[str, str] = {}
    for path in paths or ():
        values |= read_dotenv(path)
    return values


def as_settings(kind: str, values: Mapping[str, str]) -> dict[str, str]:
    """Give secrets or variables as GitHub keeps them: under names in capitals.

    Raises:
        UsageError: GitHub would not take a name.
    """
    for name in values:
        if fault := _name_fault(name):
            raise UsageError(f"{name!r} cannot be the name of a {kind}: {fault}")
    return {name.upper(): value for name, value in values.items()}


def _name_fault(name: str) -> str | None:
    if not _SETTING_NAME.fullmatch(name):
        return "GitHub allows letters, digits and _, and no digit at the beginning"
    if name.upper().startswith(_RESERVED) and name.upper() not in _ALLOWED:
        return f"{_RESERVED} is GitHub's own prefix"
    return None
