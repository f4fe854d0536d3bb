"""What a guest reaches is what its VM type's policy allows."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.network import NetworkMode, NetworkPolicy, Rule
from terraphim_runner.egress.guard import own_addresses
from terraphim_runner.ports.vm import AllocationRequest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from anyio.abc import SocketStream

    from terraphim_runner.adapters.qemu.provider import QemuProvider
    from terraphim_runner.domain.usage import NetworkUsage
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.vm import Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]


@asynccontextmanager
async def greeter() -> AsyncIterator[int]:
    """A service of this machine, on all its addresses."""
    listener = await anyio.create_tcp_listener(local_host="0.0.0.0")

    async def greet(stream: SocketStream) -> None:
        async with stream:
            await stream.send(b"welcome\n")

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, greet)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def allocated(provider: QemuProvider, vm_type: VmType, mode: NetworkMode, *rules: str) -> Vm:
    policy = NetworkPolicy(mode, tuple(map(Rule.parse, rules)))
    return (await provider.allocate(AllocationRequest(replace(vm_type, network=policy)))).vm


async def network_usage(provider: QemuProvider, vm: Vm) -> NetworkUsage:
    usage = await provider.usage(vm.id)
    assert usage is not None
    assert usage.network is not None
    return usage.network


def verdicts(log: str) -> set[str]:
    return {json.loads(line)["verdict"] for line in Path(log).read_text().splitlines()}


def calling(address: str, port: int) -> str:
    return f"timeout 20 bash -c 'cat < /dev/tcp/{address}/{port}' 2>&1 || true"


async def test_p10_an_open_network_does_not_reach_this_machine(
    provider: QemuProvider, small: VmType, shell: Shell
) -> None:
    """Neither as the gateway nor by any of its addresses; each refusal is in the log and in the usage."""
    vm = await allocated(provider, small, NetworkMode.OPEN)
    addresses = ["10.0.2.2", *sorted(str(each) for each in own_addresses() if not each.is_loopback)]
    async with greeter() as port:
        said = [await shell(vm, calling(address, port)) for address in addresses]

    usage = await network_usage(provider, vm)
    assert not any("welcome" in each for each in said)
    assert {each.port for each in usage.blocked} == {port}
    assert len(usage.blocked) == len(addresses)
    assert verdicts(usage.log) == {"blocked"}


@pytest.mark.parametrize("mode", [NetworkMode.OPEN, NetworkMode.ALLOWLIST])
async def test_a_rule_opens_one_port_of_this_machine(
    provider: QemuProvider, small: VmType, shell: Shell, mode: NetworkMode
) -> None:
    """And that one works, in both policies."""
    async with greeter() as port, greeter() as other:
        vm = await allocated(provider, small, mode, f"host:{port}")
        said = [await shell(vm, calling("10.0.2.2", each)) for each in (port, other)]

    assert said[0] == "welcome\n"
    assert "welcome" not in said[1]
    assert (await network_usage(provider, vm)).in_bytes == len("welcome\n")


async def test_a_name_off_the_allow_list_is_no_name(provider: QemuProvider, small: VmType, shell: Shell) -> None:
    """Quickly, and without a question to anybody."""
    vm = await allocated(provider, small, NetworkMode.ALLOWLIST, "allowed.example")

    assert await shell(vm, "getent hosts other.example || echo unknown") == "unknown\n"
    assert [str(each) for each in (await network_usage(provider, vm)).blocked] == ["other.example"]


async def test_a_ping_is_not_answered_by_the_trap(provider: QemuProvider, small: VmType, shell: Shell) -> None:
    """Else everything would seem to be up."""
    vm = await allocated(provider, small, NetworkMode.OPEN)
    ping = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 1); s.settimeout(1);"
        "s.sendto(bytes.fromhex('0800f7ff00000000'), ('93.184.216.34', 0));"
        "kinds = []\n"
        "try:\n while True: kinds.append(s.recv(99)[20])\n"
        "except OSError: print(0 in kinds)"
    )

    assert await shell(vm, f'python3 -c "{ping}"') == "False\n"


async def test_vms_of_one_provider_have_policies_of_their_own(
    provider: QemuProvider, small: VmType, shell: Shell
) -> None:
    """Though they are clones of one template."""
    async with greeter() as port:
        closed = await allocated(provider, small, NetworkMode.OPEN)
        opened = await allocated(provider, small, NetworkMode.OPEN, f"host:{port}")

        assert await shell(opened, calling("10.0.2.2", port)) == "welcome\n"
        assert "welcome" not in await shell(closed, calling("10.0.2.2", port))


async def test_an_unfiltered_network_is_this_machines_own(
    provider: QemuProvider, small: VmType, shell: Shell
) -> None:
    """For machines that allow no namespaces, by name only; nobody looks at it."""
    async with greeter() as port:
        vm = await allocated(provider, small, NetworkMode.UNFILTERED)
        assert await shell(vm, calling("10.0.2.2", port)) == "welcome\n"

    usage = await provider.usage(vm.id)
    assert usage is not None
    assert usage.network is None


async def test_usage_is_measured(provider: QemuProvider, vm: Vm, shell: Shell) -> None:
    """Processor time, memory and disk grow with what is done."""
    before = await provider.usage(vm.id)
    await shell(vm, "head -c 20M /dev/urandom > /var/tmp/x; sync; python3 -c 'bytearray(100 << 20)'")
    after = await provider.usage(vm.id)

    assert before is not None
    assert after is not None
    assert after.cpu_s > before.cpu_s
    assert after.disk_written_bytes - before.disk_written_bytes >= 20 << 20
    assert after.peak_memory_bytes - before.peak_memory_bytes >= 60 << 20
