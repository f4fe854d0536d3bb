"""Real VMs. A failing test prints what the consoles said: it is in the errors themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from terraphim_runner.adapters.qemu.config import QemuConfig
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.ports.vm import Allocation, Vm

SMALL = VmType("small", "debian-12", cpus=1, memory_mib=512, disk_mib=1024)


@pytest.fixture
def small() -> VmType:
    """The VM type most tests use."""
    return SMALL


@pytest.fixture
async def provider(qemu_config: QemuConfig, images: ImageStore) -> AsyncIterator[QemuProvider]:
    """The provider, entered."""
    async with QemuProvider(qemu_config, images, SystemClock()) as provider:
        yield provider


@pytest.fixture
async def allocation(provider: QemuProvider) -> Allocation:
    """A clone, and how it was obtained."""
    return await provider.allocate(AllocationRequest(SMALL))


@pytest.fixture
def vm(allocation: Allocation) -> Vm:
    """A clone."""
    return allocation.vm


@pytest.fixture
def shell() -> Callable[..., Awaitable[str]]:
    """Run a script in a VM and give its output; it must succeed."""

    async def run(vm: Vm, script: str, user: str = "root") -> str:
        output = b""
        command = Command(("/bin/bash", "-c", script), env=vm.environment, user=user)
        async with vm.exec(command) as execution:
            async for _, data in execution:
                output += data
            status = await execution.wait()
        text = output.decode(errors="backslashreplace")
        assert status.is_success, f"{script}: {status}\n{text}"
        return text

    return run


@pytest.fixture
def qemu_settings(images: ImageStore, template_dir: Path) -> Callable[..., dict[str, str]]:
    """Give settings in the environment: the small VM type, whose template the tests share, and changes to it."""
    image = images.find("debian-12")
    if not (template_dir / "images").exists():
        (template_dir / "images").symlink_to(image.kernel.parent.parent)

    def settings(**changes: float) -> dict[str, str]:
        vm_type = {"image": image.digest, "cpus": 1, "memory_mib": 512, "disk_mib": 1024} | changes
        return {
            "TERRAPHIM_PROVIDER": "qemu",
            "TERRAPHIM_DATA_DIR": str(template_dir),
            "TERRAPHIM_VM_TYPES": json.dumps({"default": vm_type}),
        }

    return settings


@pytest.fixture
def start_on_qemu(
    start: Callable[..., subprocess.Popen[str]], qemu_settings: Callable[..., dict[str, str]]
) -> Callable[..., subprocess.Popen[str]]:
    """Start the program with the small VM type."""
    return lambda *arguments, env=None: start(*arguments, env=qemu_settings() | (env or {}))
