"""What every provider of VMs promises, the scripted fake included."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed, MachineLost
from terraphim_runner.domain.ident import VmId
from terraphim_runner.ports.vm import Command, ExitStatus, Stream, Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.ports.vm import AllocationRequest, Vm, VmProvider

pytestmark = pytest.mark.anyio


def shell(script: str) -> Command:
    return Command(("/bin/sh", "-c", script))


async def status_of(vm: Vm, script: str) -> ExitStatus:
    async with vm.exec(shell(script)) as execution:
        return await execution.wait()


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def content_of(vm: Vm, path: str) -> bytes:
    async with vm.get_file(path) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_two_allocations_are_two_vms(provider: VmProvider, request_for_vm: AllocationRequest) -> None:
    first = await provider.allocate(request_for_vm)
    second = await provider.allocate(request_for_vm)

    assert first.vm.id != second.vm.id
    assert {first.vm.id, second.vm.id} == set(await provider.held_vms())


async def test_concurrent_allocations_are_different_vms(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    found: list[VmId] = []

    async def allocate() -> None:
        found.append((await provider.allocate(request_for_vm)).vm.id)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(allocate)

    assert len(set(found)) == 5


async def test_a_released_vm_is_not_held_and_may_be_released_again(provider: VmProvider, vm: Vm) -> None:
    await provider.release(vm.id)
    await provider.release(vm.id)

    assert list(await provider.held_vms()) == []


async def test_releasing_what_never_was_is_no_error(provider: VmProvider) -> None:
    await provider.release(VmId(97, 3))

    assert list(await provider.held_vms()) == []


async def test_a_slot_is_used_again_at_its_next_generation(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    first = await provider.allocate(request_for_vm)
    await provider.release(first.vm.id)
    second = await provider.allocate(request_for_vm)

    assert second.vm.id == VmId(first.vm.id.slot, first.vm.id.generation + 1)
    assert (first.is_reused_slot, second.is_reused_slot) == (False, True)


async def test_releasing_an_old_generation_leaves_the_new_one_alone(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    first = await provider.allocate(request_for_vm)
    await provider.release(first.vm.id)
    second = await provider.allocate(request_for_vm)
    await provider.release(first.vm.id)

    assert list(await provider.held_vms()) == [second.vm.id]
    assert (await status_of(second.vm, "exit 0")).is_success


async def test_a_cancelled_allocation_leaves_nothing(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await provider.allocate(request_for_vm)

    assert list(await provider.held_vms()) == []


async def test_an_allocation_tells_how_long_it_took(
    provider: VmProvider, request_for_vm: AllocationRequest
) -> None:
    assert (await provider.allocate(request_for_vm)).duration_s > 0


async def test_a_command_ends_with_its_exit_code(vm: Vm) -> None:
    assert await status_of(vm, "exit 0") == ExitStatus(code=0)
    assert await status_of(vm, "exit 3") == ExitStatus(code=3)


async def test_a_command_has_two_streams(vm: Vm) -> None:
    async with vm.exec(shell("echo out; echo err >&2")) as execution:
        output = [piece async for piece in execution]
        status = await execution.wait()

    assert sorted(output) == [(Stream.STDOUT, b"out\n"), (Stream.STDERR, b"err\n")]
    assert status.is_success


async def test_a_command_that_a_signal_ended_has_no_exit_code(vm: Vm) -> None:
    async with vm.exec(shell("exec sleep 1000")) as execution:
        await execution.signal(15)
        status = await execution.wait()

    assert status == ExitStatus(signal=15)
    assert not status.is_success


async def test_an_unknown_program_is_an_error_that_the_vm_survives(vm: Vm) -> None:
    with pytest.raises(CommandNotStarted, match="no-such-program"):
        async with vm.exec(Command(("no-such-program",))):
            pass

    assert (await status_of(vm, "exit 0")).is_success


async def test_leaving_a_command_ends_it(vm: Vm) -> None:
    with anyio.fail_after(60):
        async with vm.exec(shell("exec sleep 1000")):
            pass
        assert (await status_of(vm, "exit 0")).is_success


async def test_a_cancelled_command_leaves_a_vm_that_works(vm: Vm) -> None:
    with anyio.fail_after(60):
        with anyio.CancelScope() as scope:
            async with vm.exec(shell("exec sleep 1000")) as execution:
                scope.cancel()
                await execution.wait()
        assert (await status_of(vm, "exit 0")).is_success


async def test_who_waits_learns_that_the_vm_is_gone(provider: VmProvider, vm: Vm) -> None:
    async with vm.exec(shell("exec sleep 1000")) as execution, anyio.create_task_group() as tasks:
        tasks.start_soon(provider.release, vm.id)
        with pytest.raises(MachineLost):
            await execution.wait()

    with pytest.raises(MachineLost):
        await status_of(vm, "exit 0")


async def test_files_travel_with_a_command(vm: Vm) -> None:
    kept, empty, missing = (f"{vm.work_root}/deep/{name}" for name in ("kept", "empty", "missing"))
    command = Command(
        ("/bin/sh", "-c", "exit 0"), files={kept: b"\0content\xff", empty: b""}, read_back=(kept, empty, missing)
    )
    async with vm.exec(command) as execution:
        assert await execution.read_back() == {kept: b"\0content\xff"}


async def test_a_file_comes_back_as_it_went(vm: Vm) -> None:
    path = f"{vm.work_root}/a/b/file"
    await vm.put_file(path, pieces(b"one\0", b"", b"\xfftwo"))

    assert await content_of(vm, path) == b"one\0\xfftwo"


async def test_a_file_that_is_not_there_cannot_be_read(vm: Vm) -> None:
    with pytest.raises(FileTransferFailed):
        await content_of(vm, f"{vm.work_root}/nothing")


async def test_a_tree_comes_back_as_it_went(vm: Vm, tmp_path: Path) -> None:
    source, target = tmp_path / "source", f"{vm.work_root}/tree"
    (source / "below").mkdir(parents=True)
    (source / "top").write_bytes(b"top")
    (source / "below" / "inner").write_bytes(b"inner")
    await vm.put_tree(Tree(source, ("top", "below/inner")), TreePlacement(target))
    await vm.get_tree(target, tmp_path / "back")

    assert (tmp_path / "back" / "top").read_bytes() == b"top"
    assert (tmp_path / "back" / "below" / "inner").read_bytes() == b"inner"


async def test_a_tree_with_a_file_that_is_gone_is_an_error(vm: Vm, tmp_path: Path) -> None:
    with pytest.raises(FileTransferFailed, match="gone"):
        await vm.put_tree(Tree(tmp_path, ("gone",)), TreePlacement(f"{vm.work_root}/tree"))


async def test_what_commands_need_is_offered_not_imposed(vm: Vm) -> None:
    assert "PATH" in vm.environment
