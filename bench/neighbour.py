"""How much a run suffers from another that takes all it can, both within their CPU limits."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING

from bench.sample import Bound, Relation, Subject, Target

from terraphim_runner.domain.quota import Quota
from terraphim_runner.ports.vm import AllocationRequest, Command

if TYPE_CHECKING:
    from bench.product import Product

    from terraphim_runner.ports.vm import Vm

SUBJECT = Subject(
    "a run beside a greedy one",
    ours="half a core of work, beside forks, memory and loops",
    floor="the same alone",
    relation=Relation.RATIO,
    target=Target(Bound.AT_MOST, 1.2),
)
_ENV = {"PATH": "/usr/bin:/bin"}
_WORK = Command(("/usr/bin/python3", "-c", "sum(x * x for x in range(2_000_000))"), env=_ENV)
_GREED = Command(
    (
        "/bin/sh",
        "-c",
        "for i in 1 2 3 4; do while :; do :; done & done; while :; do head -c 300M /dev/zero | tail | wc -c; done",
    ),
    env=_ENV,
)


async def beside_a_greedy_one(product: Product, count: int) -> tuple[list[float], list[float]]:
    """Time the same work with the other at it and idle, in turns; the first of each is thrown away."""
    small = replace(product.vm_type, name="half", cpus=1, memory_mib=512, quota=Quota(cpu_limit=0.5))
    figures: tuple[list[float], list[float]] = ([], [])
    async with AsyncExitStack() as stack:
        worker, other = [await _vm(stack, product, AllocationRequest(small)) for _ in range(2)]
        for _ in range(count + 1):
            async with other.exec(_GREED):
                figures[0].append(await _work_s(worker))
            figures[1].append(await _work_s(worker))
    return figures[0][1:], figures[1][1:]


async def _vm(stack: AsyncExitStack, product: Product, request: AllocationRequest) -> Vm:
    vm = (await product.provider.allocate(request)).vm
    stack.push_async_callback(product.provider.release, vm.id)
    return vm


async def _work_s(vm: Vm) -> float:
    started_s = perf_counter()
    async with vm.exec(_WORK) as execution:
        status = await execution.wait()
    if not status.is_success:
        raise RuntimeError(f"the work ended with {status}")
    return perf_counter() - started_s
