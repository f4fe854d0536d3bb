"""The image that act gets: the root file system of our VM image as a container image. No registry is asked."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bench.peers.absence import Absent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.peers.docker import DockerEngine

NAME = "terraphim-runner-bench-peers:local"
_NODE = "/opt/terraphim/externals/node20/bin"  # act asks every container for its Node.js
_PATH = f"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:{_NODE}"


@contextmanager
def imported(root_disk: Path, engine: DockerEngine, directory: Path) -> Iterator[str]:
    """Import the files of an ext4 image; give the name, which is gone at the end, with what was unpacked.

    Raises:
        Absent: there is no `debugfs`, which reads ext4 without mounting it.
    """
    if shutil.which("debugfs") is None:
        raise Absent("there is no `debugfs` to read our VM image with (Debian: e2fsprogs)")
    tree = directory / "root"
    tree.mkdir()
    try:
        subprocess.run(("debugfs", "-R", f"rdump / {tree}", root_disk), capture_output=True, check=True)
        with subprocess.Popen(("tar", "-C", tree, "-c", "."), stdout=subprocess.PIPE) as tar:
            stream = tar.stdout.fileno() if tar.stdout is not None else subprocess.DEVNULL
            engine.call("import", "--change", f"ENV {_PATH}", "-", NAME, stdin=stream)
    finally:
        shutil.rmtree(tree)
    try:
        yield NAME
    finally:
        engine.call("image", "rm", "--force", NAME)
