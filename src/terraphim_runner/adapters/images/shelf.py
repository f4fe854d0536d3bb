"""The directory of images: who may write where, and how a finished image appears there all at once.

    <digest>/             an image; complete, never changed; a user of it holds a shared flock on this directory
    .building-<digest>/   a build under way, or what a dead builder left
    .removing-<digest>/   an image on its way out
    .lock-<digest>        flocked by the builder or remover for as long as it works

The kernel drops a dead process's locks, so a directory whose lock is free belongs to nobody and is swept.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_BUILDING = ".building-"
_REMOVING = ".removing-"


def building_dir(images_dir: Path, digest: str) -> Path:
    """Name the directory in which an image is made."""
    return images_dir / f"{_BUILDING}{digest}"


@contextlib.contextmanager
def exclusive(images_dir: Path, digest: str, on_wait: Callable[[], None]) -> Iterator[int]:
    """Be the only process that makes or removes this image; whoever is at it already is waited for.

    Gives the lock's descriptor: a process that inherits it keeps the lock as long as it lives.
    """
    path = _lock_path(images_dir, digest)
    try:
        handle = _acquire(path, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        on_wait()
        handle = _acquire(path, fcntl.LOCK_EX)
    try:
        yield handle
    finally:
        _release(path, handle)


def sweep(images_dir: Path, remove: Callable[[Path], None]) -> None:
    """Remove what dead builders and removers left."""
    for prefix in (_BUILDING, _REMOVING):
        for path in images_dir.glob(f"{prefix}*"):
            lock = _lock_path(images_dir, path.name.removeprefix(prefix))
            with contextlib.suppress(BlockingIOError):  # then its owner lives
                handle = _acquire(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    remove(path)
                finally:
                    _release(lock, handle)


def publish(result: Path, image_dir: Path) -> None:
    """Make a finished image appear under its name, surviving a crash of the machine from then on."""
    for path in result.iterdir():
        path.chmod(0o444)
        _sync(path)
    _sync(result)
    result.rename(image_dir)
    _sync(image_dir.parent)


def withdraw(image_dir: Path) -> Path | None:
    """Take an image away under a name nobody looks for; `None` if somebody holds it."""
    handle = os.open(image_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        withdrawn = image_dir.with_name(f"{_REMOVING}{image_dir.name}")
        image_dir.rename(withdrawn)
    except BlockingIOError:
        return None
    else:
        return withdrawn
    finally:
        os.close(handle)


def _lock_path(images_dir: Path, digest: str) -> Path:
    return images_dir / f".lock-{digest}"


def _acquire(path: Path, operation: int) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, operation)
        except BaseException:
            os.close(handle)
            raise
        if _is_still_at(path, handle):
            return handle
        os.close(handle)


def _is_still_at(path: Path, handle: int) -> bool:
    # an owner before us removes the file it held: then ours is a lock on nothing
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_ino == os.fstat(handle).st_ino
    return False


def _release(path: Path, handle: int) -> None:
    path.unlink(missing_ok=True)
    os.close(handle)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
