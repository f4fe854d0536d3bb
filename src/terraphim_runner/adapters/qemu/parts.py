"""Open what a machine is made of: memory, kernel, disks."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu import memory
from terraphim_runner.adapters.qemu.command_line import Disks, Kernel, Memory, Shape, kernel_command_line
from terraphim_runner.adapters.qemu.disk import (
    MAILBOX_SIZE,
    host_files,
    nameless_file,
    reopen_read_only,
    write_sparse,
)
from terraphim_runner.adapters.qemu.qcow2 import blank_overlay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from terraphim_runner.adapters.qemu.host import Host
    from terraphim_runner.adapters.qemu.template_store import Template
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.image import Image

_MIB = 1 << 20
POWER_ON = -1


@dataclass(frozen=True, slots=True)
class Parts:
    """What a machine is made of: descriptors that the VMM inherits."""

    shape: Shape
    memory: Memory
    kernel: Kernel
    disks: Disks
    disk_size: int
    state_fd: int = POWER_ON  # what to start from: a saved device state, or nothing

    @property
    def is_clone(self) -> bool:
        """Whether it starts from a saved state."""
        return self.state_fd != POWER_ON

    @property
    def fds(self) -> list[int]:
        """All descriptors the VMM inherits."""
        fds = [
            self.memory.fd,
            self.kernel.kernel_fd,
            self.kernel.initramfs_fd,
            *self.disks.layers,
            self.disks.mailbox,
        ]
        return [*fds, self.state_fd] if self.is_clone else fds


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a VM is to be."""

    host: Host
    image: Image
    vm_type: VmType

    @property
    def disk_size(self) -> int:
        """Size of the root disk in bytes: the image's content and the room on top."""
        return self.image.root_disk.stat().st_size + self.vm_type.disk_mib * _MIB


def new_mailbox(stack: ExitStack, directory: Path) -> int:
    """Make an empty mailbox disk, kept open for as long as `stack` lasts."""
    with host_files("a VM"):
        fd = _kept(stack, nameless_file(directory))
        os.ftruncate(fd, MAILBOX_SIZE)
    return fd


def new_overlay(stack: ExitStack, directory: Path, size: int) -> int:
    """Make an empty overlay, kept open for as long as `stack` lasts."""
    with host_files("a VM"):
        fd = _kept(stack, nameless_file(directory))
        write_sparse(fd, blank_overlay(size))
    return fd


@contextmanager
def power_on_parts(
    blueprint: Blueprint, mailbox: int, overlay: int, memory_fd: int | None = None
) -> Iterator[Parts]:
    """Open the parts of a machine that boots, on a memory file of the caller's or a new one."""
    with ExitStack() as stack, host_files("a VM"):
        shape = blueprint.host.shape(blueprint.vm_type)
        if memory_fd is None:
            memory_fd = _kept(stack, memory.create("guest-memory", shape.memory_mib * _MIB))
        layers = (_read_only(stack, blueprint.image.root_disk), overlay)
        yield Parts(
            shape,
            Memory(memory_fd, is_shared=True),
            _kernel(stack, blueprint),
            Disks(layers, _kept(stack, reopen_read_only(mailbox))),
            blueprint.disk_size,
        )


@contextmanager
def clone_parts(blueprint: Blueprint, mailbox: int, template: Template, directory: Path) -> Iterator[Parts]:
    """Open the parts of a clone of a template."""
    with ExitStack() as stack, host_files("a VM"):
        overlay = new_overlay(stack, directory, blueprint.disk_size)
        layers = (_read_only(stack, blueprint.image.root_disk), template.disk_fd, overlay)
        yield Parts(
            blueprint.host.shape(blueprint.vm_type),
            Memory(template.memory_fd, is_shared=False),
            _kernel(stack, blueprint),
            Disks(layers, _kept(stack, reopen_read_only(mailbox))),
            blueprint.disk_size,
            _kept(stack, reopen_read_only(template.state_fd)),
        )


def _kernel(stack: ExitStack, blueprint: Blueprint) -> Kernel:
    kernel, initramfs = (_read_only(stack, path) for path in (blueprint.image.kernel, blueprint.image.initramfs))
    host = blueprint.host
    return Kernel(kernel, initramfs, kernel_command_line(host.tsc_khz, host.choice.accelerator))


def _read_only(stack: ExitStack, path: Path) -> int:
    return _kept(stack, os.open(path, os.O_RDONLY | os.O_CLOEXEC))


def _kept(stack: ExitStack, fd: int) -> int:
    stack.callback(os.close, fd)
    return fd
