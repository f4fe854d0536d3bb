"""What is done inside a guest before anybody else uses it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel

from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed, GuestError, InfraError
from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.file_transfer import get_file
from terraphim_runner.link.root import keep_root
from terraphim_runner.link.single_error import single_error
from terraphim_runner.ports.vm import Command, RootSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.link.guest_link import GuestLink
    from terraphim_runner.ports.clock import Clock

VERSION = 6  # part of a template's key: raise when what is done to a template changes
WORK_ROOT = "/home/runner/work"
_ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}
# What a login as the user of workflows would add to /etc/environment.
_RUNNER = {"HOME": "/home/runner", "USER": "runner", "LOGNAME": "runner", "SHELL": "/bin/bash"}
_ENVIRONMENT_FILE = "/etc/environment"
_ENTROPY_BYTES = 64
_WARM_UP_ROOT = RootSpec("warm-up")
_SETTLE_S = 0.7  # groups of commands that have ended are freed in the background, half a second later

# Without these two every clone would spend its first minutes writing inode tables and reading bitmaps.
_GROW = """
mount -o remount,noinit_itable,no_prefetch_block_bitmaps /
exec resize2fs "$(findmnt -nro SOURCE /)"
"""

_COMMON = """
basename cat chmod chown cp curl cut date df dirname du echo env expr find git grep gzip head hostname id install
jq ln ls make mkdir mktemp mv nproc ps pwd readlink rm rmdir sed seq sleep sort stat sudo tail tar tee test touch
tr true uname uniq wc which xargs xz zstd
""".replace("\n", " ")

# Code that is warm in the template is warm in every clone: page cache, and what the kernel does only once.
_WARM_UPS = (
    ("root", f"cat $(type -P {_COMMON}) > /dev/null; for p in echo git tar curl; do env $p --version; done"),
    ("root", "command -v python3 && python3 -c 'import json, subprocess, ssl, pathlib'"),
    ("runner", "command -v sudo && sudo -n true && sudo -K"),
    ("runner", "bash -e -c 'x=$(uname)'; cd ~"),
    ("runner", "for node in /opt/terraphim/externals/*/bin/node; do $node -e 0; done"),
)


# Under emulation, code that this very VMM has not run yet is slow; but what it has run is memory that each VM that
# waits has for itself. Three times through two scripts of `bash` cost 40 MiB more than this.
_FIRST_STEPS = (("root", "/bin/echo"), ("runner", "/bin/echo")) * 2


async def grow_root(link: GuestLink) -> None:
    """Let the root file system fill its disk.

    Raises:
        GuestError: it does not.
    """
    code, output = await run_script(link, "root", _GROW)
    if code != 0:
        raise GuestError(f"the guest could not grow its file system: {output}")


async def warm_up(link: GuestLink) -> None:
    """Run what most workflows run; failures do not matter, an image may lack any of it.

    And make a root twice: the first fetches the kernel's modules and makes the disk that others are copied from.
    """
    for user, script in _WARM_UPS * 2:
        await run_script(link, user, script)
    for _ in range(2):
        async with keep_root(link, _WARM_UP_ROOT):
            await run_script(link, "runner", "sudo -n true", root=_WARM_UP_ROOT.name)


async def settle(link: GuestLink, clock: Clock) -> None:
    """Let the guest finish what it put off, or every clone would begin with that; nothing is asked of it after."""
    await link.sync()
    await clock.sleep_s(_SETTLE_S)


async def warm_up_clone(link: GuestLink, clock: Clock) -> None:
    """Run what a waiting clone will have to do at once when it is woken."""
    for user, script in _FIRST_STEPS:
        await run_script(link, user, script)
        await set_clock(link, clock)


async def set_clock(link: GuestLink, clock: Clock) -> None:
    """Tell a machine that was paused what time it is.

    Raises:
        InfraError: the guest cannot be used.
    """
    await link.personalize(unix_ns=int(clock.now().timestamp() * 1e9))


async def read_environment(link: GuestLink) -> dict[str, str]:
    """Give the user `runner`'s environment: HOME and the like, and the image's /etc/environment if it has one."""
    content = b""
    try:
        async with get_file(link, _ENVIRONMENT_FILE) as chunks:
            async for chunk in chunks:
                content += chunk
    except FileTransferFailed:
        return _RUNNER
    return _RUNNER | parse_environment(content.decode(errors="surrogateescape"))


def parse_environment(text: str) -> dict[str, str]:
    """Read `NAME=value` lines; comments and anything else are left out."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip('"') for name, value in pairs}


async def make_unique(link: GuestLink, clock: Clock) -> None:
    """Give a machine its own clock, randomness and id, and have its agent start one command, to see that it can.

    All of it is sent at once: the agent does things in order, so the command already sees the new randomness.
    A clone needs no such command: its template has shown it, and who asked for the clone would only wait longer.

    Raises:
        InfraError: the guest cannot be used.
    """
    with single_error():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(personalize, link, clock)
            tasks.start_soon(_exec_once, link)


async def personalize(link: GuestLink, clock: Clock) -> None:
    """Give a machine its own clock, randomness and id.

    Raises:
        InfraError: the guest cannot be used.
    """
    await link.personalize(
        unix_ns=int(clock.now().timestamp() * 1e9),
        entropy=secrets.token_bytes(_ENTROPY_BYTES),
        machine_id=secrets.token_hex(16),
    )


async def _exec_once(link: GuestLink) -> None:
    await anyio.lowlevel.checkpoint()  # let personalize send first
    try:
        async with start_execution(link, Command(("/bin/true",), env=_ENV)) as execution:
            status = await execution.wait()
    except CommandNotStarted as exc:
        raise InfraError(f"the guest cannot start a command: {exc}") from exc
    if not status.is_success:
        raise InfraError(f"in the guest /bin/true ended with {status}")


async def run_script(link: GuestLink, user: str, script: str, root: str = "") -> tuple[int, str]:
    """Run a shell script in the guest; give its exit code and the end of its output."""
    env: Mapping[str, str] = _ENV if user == "root" else _ENV | {"HOME": f"/home/{user}"}
    output = b""
    try:
        async with start_execution(link, Command(("bash", "-c", script), env=env, user=user), root) as execution:
            async for _, data in execution:
                output = (output + data)[-2000:]
            return (await execution.wait()).shell_code, output.decode(errors="replace").strip()
    except CommandNotStarted as exc:
        return 127, str(exc)
