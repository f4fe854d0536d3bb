"""Directories of a run in its VM: made by one command before the first job, tidied by one after the last."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.domain.errors import InfraError
from terraphim_runner.executor.github_context import JobPlace
from terraphim_runner.ports.vm import Command

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.executor.frame import RunFrame

CLEAN_UP_DEADLINE_S = 30.0
_SET_UP = 'set -e; umask 022; mkdir -p "$@"; if id runner >/dev/null 2>&1; then chown runner:runner "$@"; fi'
_CLEAN_UP = 'rm -rf "$@"'


def place_for(frame: RunFrame, key: str) -> JobPlace:
    """Give a job leg directories of its own."""
    root = frame.session.work_root
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", key).strip("-.") or "job"
    repository = str(frame.github.get("repository") or "").rpartition("/")[2] or "workspace"
    return JobPlace(
        workspace=f"{root}/{slug}/{repository}",
        temp=f"{root}/_temp/{slug}",
        tool_cache=f"{root}/_tool",
    )


async def set_up(frame: RunFrame, places: Sequence[JobPlace]) -> None:
    """Make the directories of these job legs.

    Raises:
        InfraError: the VM cannot even do that.
    """
    root = frame.session.work_root
    directories = {root: None, f"{root}/_temp": None, f"{root}/_tool": None}
    for place in places:
        parent = place.workspace.rpartition("/")[0]
        directories |= dict.fromkeys((parent, place.workspace, place.temp, f"{place.temp}/_runner_file_commands"))
    files = {place.event_path: frame.event_payload for place in places}
    await _run(frame, Command(("/bin/sh", "-c", _SET_UP, "sh", *directories), env=_env(frame), files=files))


async def clean_up(frame: RunFrame) -> None:
    """Remove what may hold secrets: scripts and command files. Runs even if the run was cancelled.

    Raises:
        InfraError: it did not work, or took longer than `CLEAN_UP_DEADLINE_S`.
    """
    command = Command(("/bin/sh", "-c", _CLEAN_UP, "sh", f"{frame.session.work_root}/_temp"), env=_env(frame))
    with anyio.move_on_after(CLEAN_UP_DEADLINE_S, shield=True) as scope:
        await _run(frame, command)
    if scope.cancelled_caught:
        raise InfraError(f"the clean-up of the run took longer than {CLEAN_UP_DEADLINE_S:g} s")


async def _run(frame: RunFrame, command: Command) -> None:
    output = bytearray()
    async with frame.session.exec(command) as execution:
        async for _, data in execution:
            output += data
        status = await execution.wait()
    if not status.is_success:
        raise InfraError(
            f"'{command.argv[2]}' failed in the VM ({status.shell_code}): {output.decode(errors='replace')}"
        )


def _env(frame: RunFrame) -> dict[str, str]:
    return dict(frame.session.environment)
