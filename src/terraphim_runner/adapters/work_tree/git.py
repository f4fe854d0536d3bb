"""The program git, run in one place."""

from __future__ import annotations

import os
from subprocess import DEVNULL, PIPE
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import HostDiskFull, HostError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# Set where we are called from a git hook, and then meant for another git than ours.
_OF_THE_CALLER = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)
_OURS = {
    "GIT_OPTIONAL_LOCKS": "0",  # looking must not write
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}


class Git:
    """Runs git with fixed options, in `directory`."""

    def __init__(self, directory: Path, *options: str, env: Mapping[str, str] | None = None) -> None:
        """Remember them; `env` is added to this process' environment."""
        self.directory = directory
        self._options = options
        inherited = {name: value for name, value in os.environ.items() if name not in _OF_THE_CALLER}
        self._env = inherited | _OURS | dict(env or {})

    async def run(self, *arguments: str, stdin: bytes | None = None) -> bytes:
        """Give what it prints.

        Raises:
            HostError: git is missing, or says that it cannot.
        """
        code, output, complaint = await self._execute(arguments, stdin)
        if code != 0:
            message = f"git {arguments[0]} failed in {self.directory}: {complaint or f'exit code {code}'}"
            if "No space left on device" in complaint:
                raise HostDiskFull(message, hint="free some disk space and try again")
            raise HostError(message)
        return output

    async def line(self, *arguments: str) -> str | None:
        """Give the one line it prints, None where it answers no."""
        code, output, _ = await self._execute(arguments, None)
        return os.fsdecode(output).removesuffix("\n") if code == 0 else None

    async def answer(self, *arguments: str, stdin: bytes) -> bytes:
        """Give what it prints, also where its exit code says that this is not all, or nothing."""
        _, output, _ = await self._execute(arguments, stdin)
        return output

    async def complaint(self, *arguments: str) -> str | None:
        """Give what it complains about, None where it does not."""
        code, _, complaint = await self._execute(arguments, None)
        return None if code == 0 else complaint or f"exit code {code}"

    async def is_repository(self) -> bool:
        """Tell whether `directory` is in a repository.

        Raises:
            HostError: it is in one that git will not read, as where it belongs to another user.
        """
        complaint = await self.complaint("rev-parse", "--git-dir")
        if complaint is None:
            return True
        if "not a git repository" in complaint:
            return False
        lines = [line.strip() for line in complaint.splitlines() if line.strip()]
        remedy = next((line for line in lines if line.startswith("git config ")), None)
        raise HostError(f"git cannot read the repository at {self.directory}: {lines[0]}", hint=remedy)

    async def _execute(self, arguments: tuple[str, ...], stdin: bytes | None) -> tuple[int, bytes, str]:
        try:
            done = await anyio.run_process(
                ["git", *self._options, *arguments],
                input=stdin or None,
                stdin=None if stdin else DEVNULL,  # anyio takes an empty `input` for the user's terminal
                stdout=PIPE,
                stderr=PIPE,
                check=False,
                cwd=self.directory,
                env=self._env,
                start_new_session=True,  # the terminal's Ctrl-C is the runner's to obey
            )
        except FileNotFoundError as error:
            if not await anyio.Path(self.directory).is_dir():
                raise HostError(f"there is no directory {self.directory}") from error
            raise HostError("git is not installed", hint="install it: apt-get install git") from error
        return done.returncode, done.stdout, done.stderr.decode(errors="replace").strip()
