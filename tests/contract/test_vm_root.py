"""What every provider promises about roots for jobs. What only a real VM can keep is in `tests/vm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.memory.vm import Behaviour
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.ports.vm import Breach, Command, Limit, RootSpec, Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.ports.vm import AllocationRequest, Root, Vm

pytestmark = pytest.mark.anyio


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def content_of(root: Root, path: str) -> bytes:
    async with root.get_file(path) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def output_of(root: Root, script: str) -> bytes:
    async with root.exec(Command(("/bin/sh", "-c", script), env=root.environment)) as execution:
        return b"".join([data async for _, data in execution])


async def test_a_root_does_all_that_a_vm_does(vm: Vm, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_bytes(b"of a tree")
    async with vm.open_root(RootSpec("job")) as root:
        kept = f"{root.work_root}/kept"
        command = Command(("/bin/sh", "-c", "exit 3"), files={kept: b"kept"}, read_back=(kept,))
        async with root.exec(command) as execution:
            assert (await execution.wait()).code == 3
            assert await execution.read_back() == {kept: b"kept"}
        await root.put_file(f"{root.work_root}/put", pieces(b"put"))
        await root.put_tree(Tree(tmp_path / "source", ("file",)), TreePlacement(f"{root.work_root}/tree"))
        await root.get_tree(f"{root.work_root}/tree", tmp_path / "back")

        assert await content_of(root, f"{root.work_root}/put") == b"put"
        assert (tmp_path / "back" / "file").read_bytes() == b"of a tree"


async def test_roots_have_the_vms_environment_and_met_no_limits_yet(vm: Vm) -> None:
    async with vm.open_root(RootSpec("one")) as one, vm.open_root(RootSpec("two", memory_mib=64)) as two:
        assert one.environment == two.environment == vm.environment
        assert [list(await root.breaches()) for root in (vm, one, two)] == [[], [], []]


async def test_what_is_in_a_work_root_is_in_no_other_and_gone_with_it(real_vm: Vm) -> None:
    async with real_vm.open_root(RootSpec("one")) as one, real_vm.open_root(RootSpec("two")) as two:
        for root, content in ((one, b"one"), (two, b"two")):
            await root.put_file(f"{root.work_root}/file", pieces(content))

        assert await content_of(one, f"{one.work_root}/file") == b"one"
        assert await content_of(two, f"{two.work_root}/file") == b"two"

    async with real_vm.open_root(RootSpec("one")) as again:
        assert await output_of(again, f"cat {again.work_root}/file 2>/dev/null; echo end") == b"end\n"


async def test_a_script_may_have_a_command_meet_limits(request_for_vm: AllocationRequest) -> None:
    breach = Breach(Limit.DISK, 100)
    async with MemoryProvider(SystemClock(), lambda _: Behaviour(breaches=(breach,))) as provider:
        vm = (await provider.allocate(request_for_vm)).vm
        async with vm.open_root(RootSpec("one")) as one, vm.open_root(RootSpec("two")) as two:
            await output_of(one, "exit 0")

            assert list(await one.breaches()) == [breach]
            assert list(await two.breaches()) == []


@pytest.mark.parametrize(
    ("breach", "words"),
    [
        (Breach(Limit.MEMORY, 512, 1), "out of memory: 1 process was killed at the job's limit of 512 MiB"),
        (Breach(Limit.MEMORY, 512, 2), "out of memory: 2 processes were killed at the job's limit of 512 MiB"),
        (
            Breach(Limit.MEMORY, 9, 1, sharers=3),
            "out of memory: 1 process was killed at the job's limit of 9 MiB, its share while 3 jobs may run at once",  # noqa: E501
        ),
        (Breach(Limit.PROCESSES, 60, 9), "too many processes: the job's limit of 60 was reached"),
        (Breach(Limit.DISK, 100), "disk full: the job has written all of its 100 MiB"),
    ],
)
def test_a_breach_says_what_happened(breach: Breach, words: str) -> None:
    assert str(breach) == words
