"""`--action owner/repository@ref=DIR`: a directory of this machine stands for a repository of actions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from terraphim_runner.domain.errors import UsageError
from terraphim_runner.ports.action_store import ActionMapping

if TYPE_CHECKING:
    from collections.abc import Sequence

ActionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--action",
        metavar="OWNER/REPO[@REF]=DIR",
        help="Take the actions of this repository, at this version or at any, from DIR. May be repeated.",
    ),
]
_MAPPING = re.compile(r"(?P<name>[^/@=\s]+/[^/@=\s]+)(?:@(?P<ref>[^@=\s]+))?=(?P<directory>.+)")


def parse_action_mappings(texts: Sequence[str]) -> tuple[ActionMapping, ...]:
    """Read the values of `--action`.

    Raises:
        UsageError: one is malformed, or its directory is not there.
    """
    return tuple(map(_parse, texts))


def _parse(text: str) -> ActionMapping:
    match = _MAPPING.fullmatch(text)
    if match is None:
        raise UsageError(f"--action {text}: this maps nothing", hint="--action owner/repository@ref=DIR")
    directory = Path(match["directory"]).expanduser()
    if not directory.is_dir():
        raise UsageError(f"--action {text}: there is no directory {directory}")
    return ActionMapping(match["name"], match["ref"], directory.absolute())
