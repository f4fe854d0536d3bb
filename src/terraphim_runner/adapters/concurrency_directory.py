"""Concurrency groups that all runner processes of a state directory share.

<state_dir>/groups/lock             held while a group is looked at or changed, which is short
<state_dir>/groups/<group>.json     who is in a group; replaced whole; gone when nobody is
<state_dir>/groups/<member>.life    locked by the member's process while it is in: the kernel lets go of it however
                                    the process ends, and whoever looks next strikes the member off
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.concurrency import Member, Standing, find, holder, join, leave
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from terraphim_runner.domain.concurrency import Members, Newcomer
    from terraphim_runner.ports.clock import Clock

_INTERVAL_S = 0.25  # between two looks: nobody can tell us that another process died


class ConcurrencyDirectory:
    """`ConcurrencyGroups` among processes."""

    def __init__(self, state_dir: Path, clock: Clock, *, interval_s: float = _INTERVAL_S) -> None:
        """Keep them below `state_dir`; look for changes every `interval_s`."""
        self._directory = state_dir / "groups"
        self._clock = clock
        self._interval_s = interval_s

    @asynccontextmanager
    async def join(self, group: str, newcomer: Newcomer) -> AsyncIterator[DirectoryPlace]:
        """Join a group; contract as `ConcurrencyGroups.join`."""
        name = _digest(group.casefold())
        with self._living(newcomer.id):
            self.change(name, lambda members: join(members, newcomer))
            try:
                yield DirectoryPlace(self, name, newcomer.id)
            finally:
                self.change(name, lambda members: leave(members, frozenset({newcomer.id})))

    def change(self, name: str, decide: Callable[[Members], Members] = tuple) -> Members:
        """Strike the dead off a group, then change it; give who is in it."""
        with self._locked():
            before = self._read(name)
            dead = frozenset(each.id for each in before if not _is_alive(self._life(each.id)))
            after = decide(leave(before, dead))
            if after != before:
                self._write(name, after)
            return after

    async def wait_changed(self) -> None:
        """Wait until it is time to look again."""
        await self._clock.sleep_s(self._interval_s)

    @contextmanager
    def _living(self, member_id: str) -> Iterator[None]:
        path = self._life(member_id)
        with self._locked():
            for other in self._directory.glob("*.life"):  # left by those that were killed
                if not _is_alive(other):
                    other.unlink(missing_ok=True)  # its owner may be leaving just now
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(fd)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                yield
            finally:
                os.close(fd)
        except OSError as error:
            hint = "set state_dir to a directory you can write"
            raise HostError(f"cannot use {self._directory}: {error.strerror}", hint=hint) from error

    def _read(self, name: str) -> Members:
        path = self._directory / f"{name}.json"
        try:
            content = json.loads(path.read_bytes())
            return tuple(
                Member(each["id"], each["label"], Standing(each["standing"]), each["by"]) for each in content
            )
        except FileNotFoundError:
            return ()
        except (KeyError, TypeError, ValueError) as error:
            raise HostError(f"{path} is not what this version writes", hint="remove it if nothing runs") from error

    def _write(self, name: str, members: Members) -> None:
        path = self._directory / f"{name}.json"
        if not members:
            path.unlink(missing_ok=True)
            return
        content = [
            {"id": each.id, "label": each.label, "standing": each.standing.value, "by": each.by}
            for each in members
        ]
        path.with_suffix(".new").write_text(json.dumps(content))
        path.with_suffix(".new").replace(path)

    def _life(self, member_id: str) -> Path:
        return self._directory / f"{_digest(member_id)}.life"


class DirectoryPlace:
    """A place in such a group."""

    def __init__(self, groups: ConcurrencyDirectory, name: str, member_id: str) -> None:
        """Stand for one member."""
        self._groups = groups
        self._name = name
        self._id = member_id

    def look(self) -> tuple[Member, Member | None]:
        """Give how the member stands now, and who holds the group."""
        members = self._groups.change(self._name)
        return find(members, self._id), holder(members)

    async def wait_changed(self) -> None:
        """Wait until it is time to look again."""
        await self._groups.wait_changed()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _is_alive(life: Path) -> bool:
    try:
        fd = os.open(life, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
