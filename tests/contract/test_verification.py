"""`verify` passes on a provider that keeps its promises, and fails on every one that breaks them."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.memory.ledger import MemoryLedger
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import ImageMissing
from terraphim_runner.domain.ident import VmId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest
from terraphim_runner.verification.laboratory import Experiment, Laboratory
from terraphim_runner.verification.scenario import SCENARIOS
from terraphim_runner.verification.witness import WitnessedRoot, WitnessedVm, WitnessProvider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.ports.vm import Allocation, Command, Execution, Root, RootSpec, VmProvider
    from terraphim_runner.session.manager import SessionLimits
    from terraphim_runner.verification.evidence import Verdict

pytestmark = pytest.mark.anyio

_VM_TYPE = VmType(name="default", image="none", cpus=1, memory_mib=64, disk_mib=64)
_ONE, _PARALLEL, _SEQUENCE, _LIMIT, _TEN = SCENARIOS


class _AllocatesPerStep(WitnessProvider):
    """Every command runs in a VM of its own."""

    async def allocate(self, request: AllocationRequest) -> Allocation:
        allocation = await super().allocate(request)
        return replace(allocation, vm=_ScatteredVm(allocation.vm, self.provider))


class _ScatteredVm(WitnessedVm):
    def __init__(self, vm: Any, provider: VmProvider) -> None:
        super().__init__(vm, [])
        self._provider = provider

    @asynccontextmanager
    async def open_root(self, spec: RootSpec) -> AsyncIterator[Root]:
        async with self._vm.open_root(spec) as root:
            yield _ScatteredRoot(root, self.id, self._provider)


class _ScatteredRoot(WitnessedRoot):
    def __init__(self, root: Root, vm_id: VmId, provider: VmProvider) -> None:
        super().__init__(root, vm_id, [])
        self._provider = provider

    @asynccontextmanager
    async def exec(self, command: Command) -> AsyncIterator[Execution]:
        other = await self._provider.allocate(AllocationRequest(_VM_TYPE))
        async with other.vm.exec(command) as execution:
            yield execution
        await self._provider.release(other.vm.id)


class _Leaks(WitnessProvider):
    """A release does nothing."""

    async def release(self, vm_id: VmId) -> None:
        del vm_id


class _SharesOneVm(WitnessProvider):
    """Everybody gets the first VM, which is there until the last has released it."""

    def __init__(self, provider: VmProvider) -> None:
        super().__init__(provider)
        self._first: Allocation | None = None
        self._holders = 0
        self._one_at_a_time = anyio.Lock()

    async def allocate(self, request: AllocationRequest) -> Allocation:
        async with self._one_at_a_time:
            self._first = self._first or await super().allocate(request)
            self._holders += 1
        return self._first

    async def release(self, vm_id: VmId) -> None:
        self._holders -= 1
        if self._holders == 0:
            await super().release(vm_id)


class _HandsOutDirtyVms(WitnessProvider):
    """A released VM is handed out again as it is, under a new generation's name."""

    _kept: Allocation | None = None
    _generation = 1

    async def allocate(self, request: AllocationRequest) -> Allocation:
        if self._kept is None:
            self._kept = await super().allocate(request)
            return self._kept
        self._generation += 1
        vm = _RenamedVm(self._kept.vm, VmId(self._kept.vm.id.slot, self._generation))
        return replace(self._kept, vm=vm, is_reused_slot=True)

    async def release(self, vm_id: VmId) -> None:
        del vm_id

    async def held_vms(self) -> list[VmId]:
        return []


class _RenamedVm(WitnessedVm):
    def __init__(self, vm: Any, name: VmId) -> None:
        super().__init__(vm, [])
        self._name = name

    @property
    def id(self) -> VmId:
        return self._name


class _OffByOne(Laboratory):
    """The limit lets one more in than it says."""

    @asynccontextmanager
    async def experiment(self, limits: SessionLimits, *, meet: int = 0) -> AsyncIterator[Experiment]:
        wrong = replace(limits, max_concurrent_sessions=limits.max_concurrent_sessions + 1)
        async with super().experiment(wrong, meet=meet) as experiment:
            yield experiment


async def _verify(
    tmp_path: Path,
    sabotage: type[WitnessProvider] | None = None,
    laboratory: type[Laboratory] = Laboratory,
    scenarios: tuple[str, ...] = tuple(SCENARIOS),
) -> Verdict:
    async with ProcessProvider(tmp_path / "slots") as real:
        provider: VmProvider = real if sabotage is None else sabotage(real)
        chosen = {name: SCENARIOS[name] for name in scenarios}
        bench = laboratory(provider, MemoryLedger(), SystemClock(), MemoryConcurrencyGroups(), _VM_TYPE)
        return await bench.verify(chosen, lambda _: None)


def _broken(verdict: Verdict) -> dict[str, set[str]]:
    return {
        scenario.name: {check.claim for check in scenario.checks if not check.holds}
        for scenario in verdict.scenarios
        if not scenario.holds
    }


async def test_an_honest_provider_passes_all_five(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path)

    assert _broken(verdict) == {}
    assert len(verdict.scenarios) == 5
    assert verdict.holds


async def test_p2_a_vm_per_step_is_seen_through_the_guests_own_word(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path, _AllocatesPerStep, scenarios=(_ONE,))

    assert "machines the guest saw" in _broken(verdict)[_ONE]


async def test_p3_a_leak_is_seen(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path, _Leaks, scenarios=(_ONE,))

    assert "VMs held afterwards" in _broken(verdict)[_ONE]


async def test_p1_a_shared_vm_is_seen(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path, _SharesOneVm, scenarios=(_PARALLEL,))

    assert {"different VMs", "machines the guests saw, together"} <= _broken(verdict)[_PARALLEL]


async def test_p5_a_dirty_vm_is_seen_by_each_of_its_traces(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path, _HandsOutDirtyVms, scenarios=(_SEQUENCE,))

    assert _broken(verdict)[_SEQUENCE] == {"traces in each VM itself, before some are left and after"}


async def test_p4_a_limit_off_by_one_is_seen(tmp_path: Path) -> None:
    verdict = await _verify(tmp_path, laboratory=_OffByOne, scenarios=(_LIMIT,))

    assert "waiting: VMs held at the same time" in _broken(verdict)[_LIMIT]


async def test_a_scenario_that_cannot_be_carried_out_did_not_hold(tmp_path: Path) -> None:
    async def broken(_: Laboratory) -> tuple[()]:
        raise RuntimeError("boom")

    async with ProcessProvider(tmp_path / "slots") as provider:
        bench = Laboratory(provider, MemoryLedger(), SystemClock(), MemoryConcurrencyGroups(), _VM_TYPE)
        verdict = await bench.verify({"broken": broken}, lambda _: None)

    assert not verdict.holds
    assert verdict.scenarios[0].error == "RuntimeError: boom"


async def test_a_machine_that_cannot_run_vms_is_no_verdict(tmp_path: Path) -> None:
    """The user has to mend it first, and reads once how."""

    async def broken(_: Laboratory) -> tuple[()]:
        raise ImageMissing("no image")

    async with ProcessProvider(tmp_path / "slots") as provider:
        bench = Laboratory(provider, MemoryLedger(), SystemClock(), MemoryConcurrencyGroups(), _VM_TYPE)
        with pytest.raises(ImageMissing):
            await bench.verify({"broken": broken}, lambda _: None)
