"""VMs for the contract suites. A new provider is added here, and every suite runs against it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.ports.vm import AllocationRequest, ExitStatus, Stream, VmType

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from terraphim_runner.adapters.memory.vm import Call
    from terraphim_runner.ports.vm import Vm, VmProvider

SETTINGS = LinkSettings(linger_s=0.3)

# What the fake answers to the few commands that suites for every provider may use.
SCRIPT = {
    "exit 0": Behaviour(),
    "exit 3": Behaviour(status=ExitStatus(code=3)),
    "echo out; echo err >&2": Behaviour(output=((Stream.STDOUT, b"out\n"), (Stream.STDERR, b"err\n"))),
    "exec sleep 1000": Behaviour(is_endless=True),
}


def _answer(call: Call) -> Behaviour:
    if call.command.argv[0] != "/bin/sh":
        return Behaviour(is_unknown=True)
    return SCRIPT[call.command.argv[2]]


@asynccontextmanager
async def _qemu(_: Path) -> AsyncIterator[VmProvider]:
    pytest.skip("the provider qemu has not joined this suite yet")
    yield


def _make_provider(kind: str, directory: Path) -> AbstractAsyncContextManager[VmProvider]:
    if kind == "memory":
        return MemoryProvider(SystemClock(), _answer)
    if kind == "process":
        return ProcessProvider(directory / "slots", SETTINGS)
    return _qemu(directory)


_REAL = ["process", pytest.param("qemu", marks=pytest.mark.vm)]


@pytest.fixture
def request_for_vm() -> AllocationRequest:
    """Ask for a small VM."""
    return AllocationRequest(VmType("small", "debian-12", cpus=1, memory_mib=512, disk_mib=1024))


@pytest.fixture(params=["memory", *_REAL])
async def provider(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VmProvider]:
    """Every provider, entered."""
    async with _make_provider(request.param, tmp_path) as provider:
        yield provider


@pytest.fixture
async def vm(provider: VmProvider, request_for_vm: AllocationRequest) -> Vm:
    """A VM of every provider, the fake's included."""
    return (await provider.allocate(request_for_vm)).vm


@pytest.fixture(params=_REAL)
async def real_provider(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[VmProvider]:
    """Every provider that really executes, entered."""
    async with _make_provider(request.param, tmp_path) as provider:
        yield provider


@pytest.fixture
async def real_vm(real_provider: VmProvider, request_for_vm: AllocationRequest) -> Vm:
    """A VM of every provider that really executes."""
    return (await real_provider.allocate(request_for_vm)).vm
