"""VMs for the contract suites. A new provider is added here, and every suite runs against it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.contract.git_repository import new_repository

from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.adapters.qemu.provider import QemuProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.usage import VmUsage
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.link.guest_link import LinkSettings
from terraphim_runner.pool.limits import PoolLimits
from terraphim_runner.pool.pool import VmPool
from terraphim_runner.ports.vm import AllocationRequest, ExitStatus, Stream, VmProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from terraphim_runner.adapters.memory.vm import Call
    from terraphim_runner.ports.preparation import VmPreparer
    from terraphim_runner.ports.vm import Vm

SETTINGS = LinkSettings(linger_s=1.5)

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


Make = Callable[[str], AbstractAsyncContextManager[VmProvider]]


@pytest.fixture
def make_provider(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """How to make a provider by its name."""

    def make(kind: str) -> AbstractAsyncContextManager[VmProvider]:
        match kind:
            case "memory":
                provider = MemoryProvider(SystemClock(), _answer)
                provider.vm_usage = VmUsage(1.0, 0.0, 2, 3, None)
                return provider
            case "pool of memory" | "pool of qemu":
                return VmPool(preparer(make(kind.removeprefix("pool of "))), SystemClock(), _POOL)
            case "process":
                return ProcessProvider(tmp_path / "slots", SETTINGS)
            case _:
                config = replace(request.getfixturevalue("qemu_config"), link=SETTINGS)
                return QemuProvider(config, request.getfixturevalue("images"), SystemClock())

    return make


def preparer(provider: object) -> VmPreparer:
    """Take a provider that can prepare VMs for one."""
    assert isinstance(provider, MemoryProvider | QemuProvider)
    return provider


_POOL = PoolLimits(budget=Budget(100, 100_000), max_total=10, max_starting=2)
_POOL_OF_QEMU = pytest.param("pool of qemu", marks=pytest.mark.vm)
_REAL = ["process", pytest.param("qemu", marks=pytest.mark.vm)]


@pytest.fixture
def request_for_vm() -> AllocationRequest:
    """Ask for a small VM."""
    return AllocationRequest(VmType("small", "debian-12", cpus=1, memory_mib=512, disk_mib=1024))


@pytest.fixture(params=["memory", "pool of memory", *_REAL, _POOL_OF_QEMU])
async def provider(request: pytest.FixtureRequest, make_provider: Make) -> AsyncIterator[VmProvider]:
    """Every provider, entered."""
    async with make_provider(request.param) as provider:
        yield provider


@pytest.fixture
async def vm(provider: VmProvider, request_for_vm: AllocationRequest) -> Vm:
    """A VM of every provider, the fake's included."""
    return (await provider.allocate(request_for_vm)).vm


@pytest.fixture(params=_REAL)
async def real_provider(request: pytest.FixtureRequest, make_provider: Make) -> AsyncIterator[VmProvider]:
    """Every provider that really executes, entered."""
    async with make_provider(request.param) as provider:
        yield provider


@pytest.fixture
async def real_vm(real_provider: VmProvider, request_for_vm: AllocationRequest) -> Vm:
    """A VM of every provider that really executes."""
    return (await real_provider.allocate(request_for_vm)).vm


@pytest.fixture
def no_git_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests, git's own defaults hold."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def committed(tmp_path: Path, no_git_settings: None) -> Path:
    """A repository with two commits on the branch `topic`."""
    return new_repository(tmp_path)


@pytest.fixture
def state_home() -> Iterator[Path]:
    """A path short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="worker-"))
    yield path
    shutil.rmtree(path)
