"""A Docker engine: the one that runs, or one of the bench's own that leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from bench.peers.absence import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_START_S = 30.0
_STOP_S = 30.0
_POLL_S = 0.1
# What an engine makes outside of the directories that it is given.
_STRAYS = (Path("/etc/docker"), Path("/opt/containerd"), Path("/run/containerd"))
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """An engine that answers."""

    host: str
    version: str
    is_own: bool

    def call(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> str:
        """Call `docker`; give what it printed.

        Raises:
            RuntimeError: it failed; says why.
        """
        done = subprocess.run(
            ("docker", "--host", self.host, *arguments), stdin=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"docker {arguments[0]}: {done.stderr.strip()}")
        return done.stdout.strip()


@contextmanager
def open_engine(directory: Path) -> Iterator[DockerEngine]:
    """Give the engine that `DOCKER_HOST` names or that runs here; else start one with its files in `directory`.

    Raises:
        Absent: there is none, and none can be started.
    """
    if shutil.which("docker") is None:
        raise Absent("there is no `docker` on the PATH (Debian: docker.io)")
    host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if version := _version_at(host):
        yield DockerEngine(host, version, is_own=False)
        return
    if shutil.which("dockerd") is None:
        raise Absent(
            f"no Docker engine answers at {host}, and there is no `dockerd` to start one (Debian: docker.io)"
        )
    if os.geteuid() != 0:
        raise Absent(f"no Docker engine answers at {host}, and only root can start one")
    with _own_engine(directory / "docker") as engine:
        yield engine


@contextmanager
def _own_engine(directory: Path) -> Iterator[DockerEngine]:
    directory.mkdir()
    with ExitStack() as stack:
        stack.callback(_remove, [path for path in _STRAYS if not path.exists()], _cgroups())
        log = stack.enter_context((directory / "log").open("wb"))
        process = subprocess.Popen(daemon_arguments(directory), stdout=log, stderr=log, start_new_session=True)
        stack.callback(_stop, process)
        host = f"unix://{directory}/socket"
        yield DockerEngine(host, _wait_version(host, process, directory / "log"), is_own=True)


def daemon_arguments(directory: Path) -> list[str]:
    """Give the command line of an engine that changes no network, in mounts of its own that end with it."""
    files = {"data-root": "data", "exec-root": "run", "pidfile": "pid"}
    options = [f"--{name}={directory / path}" for name, path in files.items()]
    network = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    own_mounts = ["unshare", "--mount", "--propagation", "private"]
    return [*own_mounts, "dockerd", f"--host=unix://{directory}/socket", *options, *network]


def _wait_version(host: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline_s = monotonic() + _START_S
    while process.poll() is None and monotonic() < deadline_s:
        if version := _version_at(host):
            return version
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_S)
    lines = log.read_text(errors="replace").splitlines() or ["it says nothing"]
    raise Absent(f"a Docker engine of the bench's own does not start: {lines[-1]}")


def _version_at(host: str) -> str:
    command = ("docker", "--host", host, "version", "--format", "{{.Server.Version}}")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _cgroups() -> list[Path]:
    """List where an engine would make a cgroup that is not there yet."""
    parents = [_CGROUPS, *_CGROUPS.iterdir()] if _CGROUPS.is_dir() else []
    return [parent / "docker" for parent in parents if not (parent / "docker").exists()]


def _remove(strays: Sequence[Path], cgroups: Sequence[Path]) -> None:
    for stray in strays:
        shutil.rmtree(stray, ignore_errors=True)
    for cgroup in cgroups:
        if cgroup.is_dir():
            cgroup.rmdir()
