"""Templates on disk: found, checked, loaded, put in place atomically.

<root>/<key>/memory         what is not zero of the guest's memory, sparse
<root>/<key>/device-state   everything else of the machine
<root>/<key>/disk.qcow2     what the template's boot changed of the image's root disk
<root>/<key>/manifest.json  sizes, times and digests of the three; written last
<root>/<key>.lock           held while the template is made or judged
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from terraphim_runner.adapters.qemu import memory
from terraphim_runner.link.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MEMORY = "memory"
DEVICE_STATE = "device-state"
DISK = "disk.qcow2"
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileMark:
    """How to notice that a file is not what was written."""

    size: int
    mtime_ns: int
    digest: str  # of small files only; the empty string for the others

    @classmethod
    def of(cls, path: Path, *, is_small: bool) -> FileMark:
        """Look at a file."""
        status = path.stat()
        digest = hashlib.sha256(path.read_bytes()).hexdigest() if is_small else ""
        return cls(status.st_size, status.st_mtime_ns, digest)


def template_key(ingredients: Mapping[str, object]) -> str:
    """Name a template by everything that makes it what it is."""
    text = json.dumps(dict(ingredients), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class FrozenGuest:
    """What its clones' hosts must know of a guest."""

    environment: dict[str, str]  # what the image asks for
    conversation: Conversation  # to be gone on with

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> FrozenGuest:
        """Read what `as_data` gave."""
        return cls(dict(data["environment"]), Conversation.from_data(data["conversation"]))

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return {"environment": self.environment, "conversation": self.conversation.as_data()}


class Template:
    """A loaded template: descriptors that any number of clones share. Close it when no clone starts any more."""

    def __init__(self, memory_fd: int, state_fd: int, disk_fd: int, guest: FrozenGuest) -> None:
        """Use `load`."""
        self.memory_fd = memory_fd  # sealed: nobody can write to it
        self.state_fd = state_fd
        self.disk_fd = disk_fd
        self.guest = guest

    @classmethod
    def load(cls, directory: Path) -> Template:
        """Read a template that was found good; takes as long as copying its memory."""
        guest = FrozenGuest.from_data(json.loads((directory / MANIFEST).read_text())["guest"])
        os.utime(directory)  # now in use
        with ExitStack() as undo:
            memory_fd = _kept(undo, _load_memory(directory / MEMORY))
            state_fd = _kept(undo, _load_state(directory / DEVICE_STATE))
            disk_fd = _kept(undo, os.open(directory / DISK, os.O_RDONLY | os.O_CLOEXEC))
            undo.pop_all()
        return cls(memory_fd, state_fd, disk_fd, guest)

    def close(self) -> None:
        """Close the descriptors; clones that run keep theirs."""
        for fd in (self.memory_fd, self.state_fd, self.disk_fd):
            os.close(fd)


def is_intact(directory: Path) -> bool:
    """Tell whether the template there is whole and unchanged since it was made."""
    try:
        manifest: dict[str, Any] = json.loads((directory / MANIFEST).read_text())
        return all(asdict(mark) == manifest["files"][name] for name, mark in _marks(directory).items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def least_recently_used(root: Path, *, keep: int) -> list[Path]:
    """List the templates that are too many, by when they were last loaded."""
    found = [path for path in root.iterdir() if (path / MANIFEST).exists()]
    return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)[keep:]


def made_of(root: Path, image_digest: str) -> list[Path]:
    """List the templates that were made of an image."""
    return [path.parent for path in root.glob(f"*/{MANIFEST}") if _image_of(path) == image_digest]


def remove(directory: Path) -> None:
    """Remove a template, or what there is of one."""
    shutil.rmtree(directory, ignore_errors=True)


def finish(scratch: Path, directory: Path, ingredients: Mapping[str, object], guest: FrozenGuest) -> None:
    """Write the manifest and move a new template into place, in place of a broken one if there is one."""
    files = {name: asdict(mark) for name, mark in _marks(scratch).items()}
    manifest = {"ingredients": dict(ingredients), "guest": guest.as_data(), "files": files}
    (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1, default=str))
    for path in scratch.iterdir():
        _flush(path)  # a template outlives a crash of the host whole, or not at all
    remove(directory)
    scratch.rename(directory)


def _image_of(manifest: Path) -> str | None:
    try:
        image = json.loads(manifest.read_text())["ingredients"]["image"]
    except (OSError, ValueError, KeyError, TypeError):  # broken, or just being removed
        return None
    return str(image)


def _marks(directory: Path) -> dict[str, FileMark]:
    return {
        name: FileMark.of(directory / name, is_small=name == DEVICE_STATE) for name in (MEMORY, DEVICE_STATE, DISK)
    }


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _kept(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd


def _load_memory(path: Path) -> int:
    with path.open("rb") as source:
        fd = memory.create("template-memory", os.fstat(source.fileno()).st_size)
        try:
            memory.load(source.fileno(), fd)
            memory.seal(fd)
        except BaseException:
            os.close(fd)
            raise
        return fd


def _load_state(path: Path) -> int:
    content = path.read_bytes()
    fd = memory.create("template-state", len(content))
    os.pwrite(fd, content, 0)
    memory.seal(fd)
    return fd
