"""The templates this process uses: found on disk or made, loaded once, shared by all its clones."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections import defaultdict
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
from anyio import to_thread

from terraphim_runner.adapters.qemu import command_line, guest_setup, template_store
from terraphim_runner.adapters.qemu.disk import check_room, host_files
from terraphim_runner.adapters.qemu.template_builder import TemplateBuilder
from terraphim_runner.adapters.qemu.template_store import Template, template_key
from terraphim_runner.domain.errors import BootTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from terraphim_runner.adapters.qemu.parts import Blueprint
    from terraphim_runner.adapters.qemu.slot import Slots
    from terraphim_runner.ports.clock import Clock

_LOCK_POLL_S = 0.05
_ROOM = 256 << 20  # a template takes 110 MB of 512 MiB, and little more of larger machines
_MOST_TEMPLATES = 8  # on disk; those that were not used for longest make room


class TemplateShelf:
    """Gives templates. Safe for concurrent use, and beside other processes that use the same directory."""

    def __init__(self, root: Path, builder_slots: Slots, clock: Clock, inform: Callable[[str], None]) -> None:
        """Keep templates under `root`; make them in slots of their own, and say so for it takes a while."""
        self._root = root
        self._slots = builder_slots
        self._clock = clock
        self._inform = inform
        self._loaded: dict[str, Template] = {}
        self._users: dict[Template, int] = {}  # of each that is open, those that were discarded included
        self._held: dict[Path, int] = {}
        self._locks: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)

    @property
    def loaded(self) -> list[Template]:
        """The templates this process has in memory."""
        return list(self._loaded.values())

    @asynccontextmanager
    async def lend(self, blueprint: Blueprint) -> AsyncIterator[Template]:
        """Give the template of a VM type, made now if there is none or a broken one, for as long as clones start.

        Raises:
            HostError: no room, or the host cannot run it.
            InfraError: it could not be made.
        """
        key = template_key(ingredients(blueprint))
        async with self._locks[key]:
            if key not in self._loaded:
                template = self._loaded[key] = await self._find_or_make(blueprint, self._root / key)
                self._users[template] = 0
            template = self._loaded[key]
            self._users[template] += 1
        try:
            yield template
        finally:
            self._give_back(template)

    async def discard(self, blueprint: Blueprint, template: Template) -> None:
        """Remove a template that does not work, so that the next one who asks makes another.

        Does nothing if somebody else has discarded it: what is there now is better.
        """
        key = template_key(ingredients(blueprint))
        async with self._locks[key], self._locked(self._root / key):
            if self._loaded.get(key) is template:
                del self._loaded[key]
                await to_thread.run_sync(template_store.remove, self._root / key)

    def close(self) -> None:
        """Close what is open; clones that run keep theirs."""
        for template in self._users:
            template.close()
        for fd in self._held.values():
            os.close(fd)
        self._users.clear()
        self._loaded.clear()
        self._held.clear()

    def _give_back(self, template: Template) -> None:
        if template not in self._users:  # closed with the shelf
            return
        self._users[template] -= 1
        if not self._users[template] and template not in self._loaded.values():
            del self._users[template]
            template.close()

    async def _find_or_make(self, blueprint: Blueprint, directory: Path) -> Template:
        self._hold(blueprint.image.root_disk.parent)
        async with self._locked(directory):
            if not template_store.is_intact(directory):
                what = f"{blueprint.image.name} for VMs of the type {blueprint.vm_type.name}"
                self._inform(f"preparing {what}: this is done once and takes some seconds")
                await self._make(blueprint, directory)
            with host_files("a template"):
                return await to_thread.run_sync(Template.load, directory)

    def _hold(self, image_dir: Path) -> None:
        """Keep the image from being removed for as long as its templates are used here."""
        if image_dir in self._held:
            return
        with host_files("the image"):
            fd = os.open(image_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BaseException:
                os.close(fd)
                raise
        self._held[image_dir] = fd

    async def _make(self, blueprint: Blueprint, directory: Path) -> None:
        """Make it; a machine that hangs, as one boot in a few hundred does, is tried once more."""
        check_room(self._root, _ROOM)
        try:
            await self._make_once(blueprint, directory)
        except BootTimeout as exc:
            self._inform(f"trying once more: {str(exc).partition(';')[0]}")
            await self._make_once(blueprint, directory)

    async def _make_once(self, blueprint: Blueprint, directory: Path) -> None:
        scratch = directory.with_name(f"{directory.name}.new")  # the lock's holder's, and nobody else's
        slot = await self._slots.acquire()
        try:
            with host_files("a template"):
                shutil.rmtree(scratch, ignore_errors=True)
                scratch.mkdir(mode=0o700)
                guest = await TemplateBuilder(blueprint, slot, scratch, self._clock).build()
                about = (ingredients(blueprint), guest)
                await to_thread.run_sync(template_store.finish, scratch, directory, *about)
                self._prune(directory)
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(template_store.remove, scratch)
                await slot.vacate()

    def _prune(self, newest: Path) -> None:
        for directory in template_store.least_recently_used(self._root, keep=_MOST_TEMPLATES):
            if directory != newest:
                with _open_lock(directory) as fd:
                    if _try_lock(fd):
                        template_store.remove(directory)

    @asynccontextmanager
    async def _locked(self, directory: Path) -> AsyncIterator[None]:
        with host_files("templates"):
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _open_lock(directory) as fd:
            while not _try_lock(fd):
                await self._clock.sleep_s(_LOCK_POLL_S)
            yield


def remove_templates_of(root: Path, image_digest: str) -> int:
    """Remove the templates of an image that is gone, and tell how many; nobody can use them any more."""
    found = template_store.made_of(root, image_digest)
    for directory in found:
        template_store.remove(directory)
        Path(f"{directory}.lock").unlink(missing_ok=True)
    return len(found)


def ingredients(blueprint: Blueprint) -> dict[str, object]:
    """List everything that makes a template what it is."""
    host, vm_type = blueprint.host, blueprint.vm_type
    return {
        "image": blueprint.image.digest,
        "built_at": blueprint.image.built_at.isoformat(),
        "cpus": vm_type.cpus,
        "memory_mib": vm_type.memory_mib,
        "disk_mib": vm_type.disk_mib,
        "qemu": host.choice.program.version,
        "accelerator": host.choice.accelerator.value,
        "has_network": host.shape(vm_type).has_network,
        "kernel": command_line.kernel_command_line(host.tsc_khz, host.choice.accelerator),
        "command_line": command_line.VERSION,
        "preparation": guest_setup.VERSION,
    }


@contextmanager
def _open_lock(directory: Path) -> Iterator[int]:
    with host_files("templates"):
        fd = os.open(f"{directory}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
