"""`hashFiles()`: asked of the job's root when an expression turns out to need it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import CommandNotStarted, ExpressionError, ExpressionErrorKind
from terraphim_runner.executor.own_command import execute
from terraphim_runner.expressions.value import to_string
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.domain.ident import StepPlace
    from terraphim_runner.expressions.value import Value
    from terraphim_runner.ports.vm import Root

_TIMEOUT_S = 120.0  # GitHub's
_FOLLOW = "--follow-symbolic-links"


class FilesNotHashed(Exception):  # no error: the way out of an evaluation that has to wait
    """An expression needs the hash of these patterns' files."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        """Say for which."""
        super().__init__(patterns)
        self.patterns = patterns


class FileHashes:
    """The hashes that one evaluation has asked for so far."""

    def __init__(self, root: Root, workspace: str) -> None:
        """Hash files of a workspace."""
        self._root = root
        self._workspace = workspace
        self._known: dict[tuple[str, ...], str | ExpressionError] = {}

    @property
    def function(self) -> Callable[..., Value]:
        """Give `hashFiles` for a scope: it raises `FilesNotHashed` for what is not known yet."""
        return self._look_up

    def _look_up(self, *arguments: Value) -> str:
        patterns = tuple(map(to_string, arguments))
        if patterns not in self._known:
            raise FilesNotHashed(patterns)
        found = self._known[patterns]
        if isinstance(found, ExpressionError):
            raise found
        return found

    async def add(self, patterns: tuple[str, ...], origin: StepPlace | None = None) -> None:
        """Ask the root for a hash, on behalf of `origin`; that it cannot be had is kept for whoever looks it up.

        Raises:
            MachineLost | GuestError: the VM failed.
        """
        self._known[patterns] = await self._ask(patterns, origin)

    async def _ask(self, patterns: tuple[str, ...], origin: StepPlace | None) -> str | ExpressionError:
        links, chosen = "keep", patterns
        if patterns and patterns[0].startswith("--"):
            if patterns[0].lower() != _FOLLOW:
                return _error(f"Invalid glob option {patterns[0]}, available option: '{_FOLLOW}'.")
            links, chosen = "follow", patterns[1:]
        program = files(__package__).joinpath("hash_files_program.py").read_text("utf-8")
        argv = ("/usr/bin/env", "python3", "-I", "-S", "-c", program, self._workspace, links, *chosen)
        what = f"hashFiles('{', '.join(chosen)}')"
        with anyio.move_on_after(_TIMEOUT_S):
            command = Command(argv, env=dict(self._root.environment), user="runner", origin=origin)
            return await self._run(command, what)
        return _error(f"{what} couldn't finish within {_TIMEOUT_S:g} seconds.")

    async def _run(self, command: Command, what: str) -> str | ExpressionError:
        failed = f"{what} failed. Fail to hash files under directory '{self._workspace}'"
        try:
            answer = await execute(self._root, command)
        except CommandNotStarted as error:
            return _error(f"{failed}: {error}")
        return answer.output if answer.status.is_success else _error(f"{failed}: {answer.complaint}")


def _error(message: str) -> ExpressionError:
    return ExpressionError(ExpressionErrorKind.EVALUATION, message)
