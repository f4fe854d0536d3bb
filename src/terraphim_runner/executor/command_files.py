"""The command files of one process: where they are, what was in them, and what that means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.executor.file_command import (
    BLOCKED_ENV,
    FileCommandInvalid,
    command_file_paths,
    read_assignments,
    read_path,
)
from terraphim_runner.executor.github_context import COMMAND_FILES
from terraphim_runner.executor.guest_file import FileTooLarge, read_file
from terraphim_runner.executor.process_results import ProcessResults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.ports.vm import Execution

MAX_SUMMARY = 1024 * 1024  # GitHub's
MAX_FILE = 4 * 1024 * 1024  # ours: what a file may hold and still be read back
_TOO_LONG_SUMMARY = (
    "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of {}k, got {}k. For more information "
    "see: https://docs.github.com/actions/using-workflows/workflow-commands-for-github-actions#adding-a-markdown-summary"
)


class CommandFiles:
    """The files that one process writes for the runner."""

    def __init__(self, turn: Turn) -> None:
        """Take the files that the turn's `github` context names."""
        self._turn = turn
        self._log = turn.log
        self.paths = command_file_paths(turn.scope.frame.place.scratch, turn.label)
        self.results = ProcessResults()

    async def take(self, execution: Execution) -> None:
        """Read them back when the process has ended, and understand them; faults are logged.

        Raises:
            MachineLost | GuestError: the VM failed, not the step.
        """
        try:
            contents = await execution.read_back()
        except FileTransferFailed:
            contents = await self._read_one_by_one()
        texts = {name: _text(contents.get(path, b"")) for name, path in self.paths.items()}
        self._understand("path", lambda: self.results.path.extend(read_path(texts["path"])))
        self._understand("env", lambda: self._read_env(texts["env"]))
        self._summarize(texts["step_summary"])
        self._understand("state", lambda: self._read_into(self.results.state, texts["state"]))
        self._understand("output", lambda: self._read_into(self.results.outputs, texts["output"]))

    def _understand(self, name: str, read: Callable[[], None]) -> None:
        try:
            read()
        except FileCommandInvalid as error:
            self._blame(name, str(error))

    def _blame(self, name: str, fault: str) -> None:
        self._log.tell_error(f"Unable to process file command '{name}' successfully.")
        self._log.tell_error(fault)
        self.results.blame(f"Unable to process file command '{name}' successfully: {fault}")

    def _read_into(self, values: dict[str, str], text: str) -> None:
        values.update(read_assignments(text))

    def _read_env(self, text: str) -> None:
        for name, value in read_assignments(text):
            if name.upper() in BLOCKED_ENV:
                self._log.tell_error(f"Can't store {name.upper()} output parameter using '$GITHUB_ENV' command.")
            else:
                self.results.env[name] = value

    def _summarize(self, text: str) -> None:
        size = len(text.encode())
        if size > MAX_SUMMARY:
            self._refuse_summary(str(size // 1024))
        else:
            self._log.summarize(text)

    def _refuse_summary(self, size_kib: str) -> None:
        self._log.tell_error(_TOO_LONG_SUMMARY.format(MAX_SUMMARY // 1024, size_kib))

    async def _read_one_by_one(self) -> Mapping[str, bytes]:
        """Read files that are too large to come back with the command, as far as they are not too large at all."""
        contents: dict[str, bytes] = {}
        root = self._turn.scope.frame.root
        for name, path in self.paths.items():
            try:
                contents[path] = await read_file(root, path, limit=MAX_FILE)
            except FileTransferFailed:
                continue  # the step has removed it, which is its right
            except FileTooLarge:
                if name == "step_summary":
                    self._refuse_summary(f"more than {MAX_FILE // 1024}")
                else:
                    self._blame(name, f"{COMMAND_FILES[name]} may hold {MAX_FILE >> 20} MiB, and it holds more.")
        return contents


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")
