"""The programs this provider needs on its host: there, new enough, and who is told what when not."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import anyio

from terraphim_runner.domain.errors import HostError

OLDEST_VERSION = (7, 2)  # the oldest that was tested
_INSTALL = "apt-get install qemu-system-x86"
_VERSION = re.compile(r"version (\d+)\.(\d+)(?:\.(\d+))?")
_LIBRARY = re.compile(r"(/\S+) \(0x")
_DIRECTORY = re.compile(r"^/.*$", re.MULTILINE)
_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Program:
    """A QEMU that can be used."""

    path: Path
    version: str  # as it prints it: 7.2.22
    stamp: str  # changes when the file does


def locate(name: str) -> Path:
    """Find a program on PATH.

    Raises:
        HostError: it is missing.
    """
    found = shutil.which(name)
    if found is None:
        raise HostError(f"{name} is not installed", hint=_INSTALL)
    return Path(found)


def stamp_of(path: Path) -> str:
    """Give a text that changes when the file behind `path` does."""
    status = path.stat()
    return f"{path} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


async def ask_version(path: Path) -> Program:
    """Ask a QEMU for its version.

    Raises:
        HostError: it does not run, or is too old.
    """
    try:
        with anyio.fail_after(_TIMEOUT_S):
            result = await anyio.run_process([str(path), "--version"], check=False, start_new_session=True)
    except (OSError, TimeoutError) as exc:
        raise HostError(f"{path} does not run: {exc}", hint=_INSTALL) from exc
    return Program(path, parse_version(result.stdout.decode(errors="replace"), path), stamp_of(path))


async def ask_files(path: Path) -> tuple[str, ...]:
    """Ask a QEMU and the loader which files it needs, apart from itself; none where they do not tell."""
    said = [await _output("ldd", str(path)), await _output(str(path), "-L", "help")]
    libraries, data = _LIBRARY.findall(said[0]), _DIRECTORY.findall(said[1])
    modules = {f"{Path(library).parent}/qemu" for library in libraries}
    return (*libraries, *data, *sorted(modules))


async def _output(*command: str) -> str:
    with suppress(OSError, TimeoutError), anyio.fail_after(_TIMEOUT_S):
        result = await anyio.run_process(command, check=False, start_new_session=True)
        return result.stdout.decode(errors="replace")
    return ""


def parse_version(text: str, path: Path) -> str:
    """Read what `--version` printed.

    Raises:
        HostError: it is not QEMU's answer, or too old a version.
    """
    match = _VERSION.search(text)
    if match is None:
        raise HostError(f"{path} does not say which version it is", hint=_INSTALL)
    if (int(match[1]), int(match[2])) < OLDEST_VERSION:
        oldest = ".".join(map(str, OLDEST_VERSION))
        raise HostError(f"QEMU {match[0].removeprefix('version ')} is too old; {oldest} is needed", hint=_INSTALL)
    return match[0].removeprefix("version ")


def tsc_khz(cpuinfo: str) -> int:
    """Compute the time stamp counter's rate from /proc/cpuinfo, which under TCG is the guest's too.

    Raises:
        HostError: it is not told.
    """
    match = re.search(r"^bogomips\s*:\s*([0-9.]+)", cpuinfo, re.MULTILINE)
    if match is None:
        raise HostError(
            "/proc/cpuinfo does not tell the CPU's bogomips, so guests cannot be told their clock rate"
        )
    return round(float(match[1]) * 500)
