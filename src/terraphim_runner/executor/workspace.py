"""Directories of a job in its root: made before its first step, tidied by a command after its last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import FileTransferFailed, InfraError
from terraphim_runner.executor.github_context import JobPlace
from terraphim_runner.executor.own_command import execute
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from typing import Any

    from terraphim_runner.domain.ident import StepPlace
    from terraphim_runner.ports.vm import Root

CLEAN_UP_DEADLINE_S = 30.0
_USER = "runner"  # whose the directories are, as steps are run by this user
_SET_UP = 'set -e; umask 022; mkdir -p "$@"; if id runner >/dev/null 2>&1; then chown runner:runner "$@"; fi'
_CLEAN_UP = 'rm -rf "$@"'


def place_in(root: Root, github: Mapping[str, Any]) -> JobPlace:
    """Say where a job's directories are in its root: as on GitHub, below the repository's name twice."""
    repository = str(github.get("repository") or "").rpartition("/")[2] or "workspace"
    return JobPlace(
        workspace=f"{root.work_root}/{repository}/{repository}",
        temp=f"{root.work_root}/_temp",
        tool_cache=f"{root.work_root}/_tool",
        scratch=root.scratch_root,
    )


async def set_up(root: Root, place: JobPlace, event_payload: bytes, *, origin: StepPlace | None = None) -> None:
    """Make a job's directories, and the file with the event.

    The guest's agent does it by itself where it can: under emulation four processes cost a quarter of a second.
    What it cannot, such as directories that have something in them, or a user that is not there, a command does.

    Raises:
        InfraError: the VM cannot even do that.
    """
    directories = (root.work_root, place.workspace, place.temp, place.tool_cache, _command_file_directory(place))
    try:
        await root.make_directories(directories, user=_USER)
        await root.put_file(place.event_path, _once(event_payload), user=_USER)
    except FileTransferFailed:
        await _set_up_by_command(root, place, event_payload, origin)


async def _set_up_by_command(root: Root, place: JobPlace, event_payload: bytes, origin: StepPlace | None) -> None:
    directories = (
        root.work_root,
        place.workspace.rpartition("/")[0],
        place.workspace,
        place.temp,
        place.tool_cache,
        place.scratch,
        _command_file_directory(place),
    )
    files = {place.event_path: event_payload}
    argv = ("/bin/sh", "-c", _SET_UP, "sh", *directories)
    await _run(root, Command(argv, env=dict(root.environment), files=files, origin=origin))


def _command_file_directory(place: JobPlace) -> str:
    return f"{place.scratch}/_runner_file_commands"


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def clean_up(root: Root, place: JobPlace, *, origin: StepPlace | None = None) -> None:
    """Remove what may hold secrets: scripts and command files. Runs even if the run was cancelled.

    Raises:
        InfraError: it did not work, or took longer than `CLEAN_UP_DEADLINE_S`.
    """
    argv = ("/bin/sh", "-c", _CLEAN_UP, "sh", place.temp, place.scratch)
    command = Command(argv, env=dict(root.environment), origin=origin)
    with anyio.move_on_after(CLEAN_UP_DEADLINE_S, shield=True) as scope:
        await _run(root, command)
    if scope.cancelled_caught:
        raise InfraError(f"the clean-up of the job took longer than {CLEAN_UP_DEADLINE_S:g} s")


async def _run(root: Root, command: Command) -> None:
    answer = await execute(root, command)
    if not answer.status.is_success:
        code, complaint = answer.status.shell_code, answer.complaint
        raise InfraError(f"'{command.argv[2]}' failed in the VM ({code}): {complaint}")
