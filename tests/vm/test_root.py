"""A job's root in a real VM: what one does, another does not see, and nothing stays."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import CommandNotStarted, InfraError
from terraphim_runner.domain.network import NetworkMode, NetworkPolicy
from terraphim_runner.ports.vm import AllocationRequest, Command, Limit, RootSpec, Stream, Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from terraphim_runner.adapters.qemu.provider import QemuProvider
    from terraphim_runner.domain.vm_type import VmType
    from terraphim_runner.ports.vm import Breach, ExitStatus, Root, Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.anyio, pytest.mark.vm]

# Everything of the machine that a root must give back; not the control group that this runs in itself.
CENSUS = """
own=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)
cut -d' ' -f2,3 /proc/mounts | sort
find /sys/fs/cgroup -mindepth 2 -type d ! -path "$own" | sort
losetup --list --noheadings
ls /sys/class/net
pgrep -fxc terraphim-runner-init
echo namespaces: $(lsns --noheadings --output NS | wc -l)
echo blocks: $(stat -f -c %f /)
"""


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def content_of(root: Root, path: str) -> bytes:
    async with root.get_file(path) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def attempt(root: Root, script: str) -> tuple[ExitStatus, str]:
    """Run a script that may fail."""
    output = b""
    async with root.exec(Command(("/bin/bash", "-c", script), env=root.environment, user="runner")) as execution:
        async for _, data in execution:
            output += data
        return await execution.wait(), output.decode(errors="replace")


@pytest.fixture
async def pair(vm: Vm) -> AsyncIterator[tuple[Root, Root]]:
    """Two roots of one VM, open at once."""
    async with vm.open_root(RootSpec("one")) as one, vm.open_root(RootSpec("two")) as two:
        yield one, two


async def test_files_of_one_root_are_in_no_other_nor_in_the_machine(
    vm: Vm, pair: tuple[Root, Root], shell: Shell
) -> None:
    one, two = pair
    places = "/etc/mark /usr/bin/mark /var/lib/dpkg/mark /tmp/mark /home/runner/mark /dev/shm/mark /run/mark /mark"
    await shell(one, f"echo one | sudo tee {places}; sudo rm /etc/debian_version", user="runner")

    for other in (two, vm):
        assert (
            await shell(other, f"cat {places} 2>/dev/null; test -e /etc/debian_version && echo kept") == "kept\n"
        )


async def test_both_work_in_the_same_place_as_the_same_user(pair: tuple[Root, Root], shell: Shell) -> None:
    for root in pair:
        assert root.work_root == "/home/runner/work"
        said = await shell(root, "touch ~/work/mine; id -un; sudo -n id -un; echo $HOME; umask", user="runner")
        assert said.split() == ["runner", "root", "/home/runner", "0022"]


async def test_nothing_looks_for_ipv6_outside_and_no_disk_is_read_ahead(
    vm: Vm, pair: tuple[Root, Root], shell: Shell
) -> None:
    """Every clone would begin with that: the network outside has no IPv6, and nobody has asked for the bitmaps."""
    for root in (vm, pair[0]):
        assert await shell(root, "ls /sys/class/net; cut -c47- /proc/net/if_inet6 | tr -d ' '") == "eth0\nlo\nlo\n"
        assert await shell(root, "grep -c ' ext4 ' /proc/mounts") == "1\n"
        assert await shell(root, "grep ' ext4 ' /proc/mounts | grep -c no_prefetch_block_bitmaps") == "1\n"


async def test_processes_of_one_root_are_neither_seen_nor_killed_by_another(
    vm: Vm, pair: tuple[Root, Root], shell: Shell
) -> None:
    one, two = pair
    async with one.exec(Command(("sleep", "1234"), env=one.environment, user="runner")) as execution:
        assert await shell(two, "ps -eo args | grep -c '[s]leep 1234' || true") == "0\n"
        await attempt(two, "sudo kill -9 -1")
        assert await shell(one, "ps -eo args | grep -c '[s]leep 1234'") == "1\n"
        assert await shell(vm, "ps -eo args | grep -c '[s]leep 1234'") == "1\n"
        await execution.signal(9)


async def test_a_root_shows_its_own_processes_and_no_way_to_others(pair: tuple[Root, Root], shell: Shell) -> None:
    said = await shell(
        pair[1], "ps -eo comm; sudo ls -d /proc/[0-9]*/root/sys/fs/cgroup/roots || true", user="runner"
    )

    assert [line for line in said.splitlines() if "No such file" not in line] == ["COMMAND", "init", "bash", "ps"]


async def test_a_root_survives_the_killing_of_all_that_is_in_it(pair: tuple[Root, Root], shell: Shell) -> None:
    await attempt(pair[0], "sudo kill -9 -1; sudo kill -9 1")

    assert await shell(pair[0], "echo fine") == "fine\n"


async def test_orphans_leave_no_zombies(pair: tuple[Root, Root], shell: Shell) -> None:
    script = "for i in 1 2 3; do (sh -c 'exit 3' &); done; while pgrep -fx 'sh -c exit 3' >/dev/null; do :; done"
    assert await shell(pair[0], f"{script}; ps -eo stat | grep -c Z || true") == "0\n"


async def test_names_and_messages_of_one_root_are_not_anothers(pair: tuple[Root, Root], shell: Shell) -> None:
    one, two = pair
    await shell(one, "sudo hostname other; ipcmk -M 4096 >/dev/null", user="runner")

    assert await shell(two, "hostname; ipcs -m | grep -c 0x || true") == "terraphim\n0\n"


async def test_two_roots_may_listen_on_one_port_and_do_not_reach_each_other(
    pair: tuple[Root, Root], shell: Shell
) -> None:
    one, two = pair
    serve = "import socket; s = socket.create_server(('', 5432)); print('up', flush=True); s.accept()"
    async with one.exec(Command(("python3", "-c", serve), env=one.environment)) as first:
        await anext(aiter(first))
        async with two.exec(Command(("python3", "-c", serve), env=two.environment)) as second:
            await anext(aiter(second))
            address = re.search(r"inet (10\.0\.2\.\d+)/", await shell(two, "ip -4 addr show eth0"))
            assert address is not None
            connect = "import socket; socket.create_connection(('{}', 5432), 3)"
            assert (await attempt(one, f'python3 -c "{connect.format("127.0.0.1")}"'))[0].is_success
            assert not (await attempt(one, f'python3 -c "{connect.format(address[1])}"'))[0].is_success


@pytest.fixture
def host_port() -> Iterator[int]:
    """A server on this host's loopback that greets whoever comes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hello from the host")

        thread = threading.Thread(target=greet)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def test_every_root_reaches_what_the_machine_reaches(
    provider: QemuProvider, small: VmType, shell: Shell, host_port: int
) -> None:
    script = f"exec 3<>/dev/tcp/10.0.2.2/{host_port}; cat <&3; grep nameserver /etc/resolv.conf"
    vm_type = replace(small, network=NetworkPolicy(NetworkMode.UNFILTERED))
    vm = (await provider.allocate(AllocationRequest(vm_type))).vm
    async with vm.open_root(RootSpec("one")) as one, vm.open_root(RootSpec("two")) as two:
        for root in (vm, one, two):
            assert await shell(root, script) == "hello from the hostnameserver 10.0.2.3\n"


async def test_root_in_a_job_reaches_no_disk_and_lifts_no_limit(pair: tuple[Root, Root], shell: Shell) -> None:
    tricks = """
    sudo mkdir /nodes && sudo mount -t devtmpfs nodes /nodes || echo no nodes
    for n in vda vdb loop0 loop1 mem kmsg; do sudo head -c1 /nodes/$n >/dev/null 2>&1 && echo read $n; done
    sudo mount /nodes/vda /mnt 2>/dev/null && echo mounted
    echo max | sudo tee /sys/fs/cgroup/memory.max >/dev/null 2>&1 && echo lifted
    sudo date -s 2001-01-01 >/dev/null 2>&1 && echo turned back
    sudo modprobe dummy 2>/dev/null && echo loaded
    find /sys/fs/cgroup -name '*two*'
    true
    """
    assert await shell(pair[0], tricks, user="runner") == ""


async def test_files_of_steps_stay_in_the_root_whatever_was_planted(
    vm: Vm, pair: tuple[Root, Root], shell: Shell
) -> None:
    root, _ = pair
    planted = """
    ln -s / /work-link; ln -s ../../../../../../etc /home/deep; ln -s /proc/1/root/etc /home/round
    ln -s /etc/hostname /home/file
    for d in /usr/lib/python3* /usr/lib/terraphim-runner; do
      for m in pwd shutil stat errno; do echo 'open("/ran", "w")' > $d/$m.py; done
    done
    echo 'secret of the job' > /etc/hostname
    """
    await shell(root, planted)
    for path in ("/work-link/etc/a", "/home/deep/b", "/home/round/c"):
        await root.put_file(path, pieces(b"planted"))
        async with root.exec(Command(("true",), env=root.environment, files={f"{path}2": b"x"})) as execution:
            await execution.wait()

    assert await content_of(root, "/home/file") == b"secret of the job\n"
    assert (await shell(root, "ls /etc/a /etc/a2 /etc/b /etc/b2 /etc/c /etc/c2")).split() == [
        *("/etc/a", "/etc/a2", "/etc/b", "/etc/b2", "/etc/c", "/etc/c2")
    ]
    assert await shell(vm, "ls -d /etc/[abc] /etc/[abc]2 /ran /home/* 2>/dev/null; cat /etc/hostname") == (
        "/home/runner\nterraphim\n"
    )


async def test_trees_go_into_a_root_and_come_out_of_it(
    vm: Vm, pair: tuple[Root, Root], tmp_path: Path, shell: Shell
) -> None:
    """The first tree of a VM comes on the mailbox disk, the second as a tar stream."""
    (tmp_path / "file").write_text("content")
    for name, root in zip(("first", "second"), pair, strict=True):
        target = f"{root.work_root}/tree"
        await root.put_tree(Tree(tmp_path, ("file",)), TreePlacement(target, "runner"))
        await shell(root, f"cd {target} && echo {name} >> file", user="runner")
        await root.get_tree(target, tmp_path / name)
        assert (tmp_path / name / "file").read_text() == f"content{name}\n"
    assert await shell(vm, "ls /home/runner/work") == ""


async def test_who_wants_too_much_memory_fails_alone_and_is_told(vm: Vm, shell: Shell) -> None:
    async with (
        vm.open_root(RootSpec("greedy", memory_mib=100)) as greedy,
        vm.open_root(RootSpec("other")) as other,
    ):
        status, _ = await attempt(greedy, "exec python3 -c 'x = bytearray(200 << 20)'")
        found = await greedy.breaches()

        assert status.signal == 9
        assert [(breach.limit, breach.allowed) for breach in found] == [(Limit.MEMORY, 100)]
        assert str(found[0]) == "out of memory: 1 process was killed at the job's limit of 100 MiB"
        assert list(await other.breaches()) == []
        assert await shell(other, "python3 -c 'x = bytearray(120 << 20)'; echo fine") == "fine\n"


@pytest.mark.parametrize("memory_mib", [512, 2048])
async def test_roots_that_take_all_they_can_lose_only_their_own(
    provider: QemuProvider, small: VmType, shell: Shell, memory_mib: int
) -> None:
    """The kernel never has to look for a victim in all roots, let alone in the whole machine.

    A larger machine keeps more free, for pages that are large.
    """
    vm_type = replace(small, name="two", cpus=2, memory_mib=memory_mib)
    vm = (await provider.allocate(AllocationRequest(vm_type))).vm
    found: list[Breach] = []

    async def take_all(name: str) -> None:
        async with vm.open_root(RootSpec(name, sharers=2)) as root:
            status, _ = await attempt(root, "exec python3 -c 'x = []\nwhile True: x.append(b\"x\" * (4 << 20))'")
            assert status.signal == 9
            found.extend(await root.breaches())

    async with anyio.create_task_group() as tasks:
        for name in ("one", "two"):
            tasks.start_soon(take_all, name)
    kills = re.findall(r"oom-kill:constraint=(\w+).*?oom_memcg=(/roots/[^,]+)", await shell(vm, "dmesg"))

    assert [breach.count for breach in found] == [1, 1]
    assert all(0.75 * memory_mib < 2 * breach.allowed < 0.95 * memory_mib for breach in found)
    assert [constraint for constraint, _ in kills] == ["CONSTRAINT_MEMCG"] * 2
    assert len({group for _, group in kills}) == 2


async def test_a_fork_bomb_stays_in_its_root(vm: Vm, shell: Shell) -> None:
    async with vm.open_root(RootSpec("bomb", processes=60)) as bomb, vm.open_root(RootSpec("other")) as other:
        async with bomb.exec(
            Command(("/bin/bash", "-c", "f() { f | f & }; f; wait; sleep 1000"), env=bomb.environment)
        ):
            while not (found := await bomb.breaches()):
                await shell(other, "echo $(echo fine)")

            assert [(breach.limit, breach.allowed) for breach in found] == [(Limit.PROCESSES, 60)]
        assert await shell(other, "echo fine") == "fine\n"


async def test_a_command_starts_where_a_job_has_used_up_its_processes(vm: Vm) -> None:
    """Such as the one that cleans up; it may have no others, though."""
    fill = """
import os, time
try:
    while os.fork(): pass
except BlockingIOError:
    print("full", flush=True)
time.sleep(1000)
"""
    async with (
        vm.open_root(RootSpec("full", processes=20)) as root,
        root.exec(Command(("python3", "-c", fill), env=root.environment)) as execution,
    ):
        assert await anext(aiter(execution)) == (Stream.STDOUT, b"full\n")

        _, said = await attempt(root, "read -r line < /proc/self/cgroup; echo $line")

        assert re.fullmatch(r"0::/exec-\d+\n", said)


@pytest.mark.parametrize(
    "deed",
    ["rmdir $group", "echo +memory | tee /sys/fs/cgroup/cgroup.subtree_control $group/cgroup.subtree_control"],
)
async def test_a_job_that_meddles_with_its_cgroups_can_start_commands(vm: Vm, shell: Shell, deed: str) -> None:
    """One of them waits for the job's next command."""
    script = f"""
echo ready; read -r
for group in /sys/fs/cgroup/exec-*; do
    grep -q "populated 0" $group/cgroup.events && {deed} > /dev/null && echo done
done
"""
    async with vm.open_root(RootSpec("meddler")) as root:
        command = Command(("/bin/bash", "-c", script), env=root.environment, has_stdin=True)
        async with root.exec(command) as meddler:
            said = aiter(meddler)
            assert (await anext(said))[1] == b"ready\n"
            await shell(root, "echo first")
            await meddler.write_stdin(b"\n")
            assert (await anext(said))[1] == b"done\n"

            assert await shell(root, "echo second") == "second\n"


async def test_a_full_disk_is_full_for_one_job_only(vm: Vm, shell: Shell) -> None:
    async with vm.open_root(RootSpec("hoarder")) as hoarder:
        status, said = await attempt(hoarder, "head -c 1T /dev/zero > ~/all")
        found = await hoarder.breaches()

        assert not status.is_success
        assert "No space left" in said
        assert [breach.limit for breach in found] == [Limit.DISK]
        assert (
            await shell(vm, "head -c 30M /dev/zero > /var/tmp/some && rm /var/tmp/some && echo fine") == "fine\n"
        )
        await shell(hoarder, "rm /home/runner/all")
        assert list(await hoarder.breaches()) == []


async def test_closing_leaves_nothing_ten_times_over(vm: Vm, shell: Shell) -> None:
    async def use(name: str) -> None:
        async with vm.open_root(RootSpec(name)) as root:
            await shell(
                root, "setsid sleep 1000 >/dev/null 2>&1 & head -c 50M /dev/zero > /tmp/much", user="runner"
            )

    await use("first")
    before = await shell(vm, CENSUS)
    for number in range(10):
        await use(f"root-{number % 2}")

    assert await shell(vm, CENSUS) == before


async def test_a_root_that_is_closed_runs_nothing_and_its_name_is_free(vm: Vm, shell: Shell) -> None:
    async with vm.open_root(RootSpec("job")) as root:
        await shell(root, "echo mine > /etc/mark")
        with pytest.raises(InfraError, match="job"):
            async with vm.open_root(RootSpec("job")):
                pass
    with pytest.raises(CommandNotStarted, match="no such root"):
        await shell(root, "true")
    async with vm.open_root(RootSpec("job")) as again:
        assert await shell(again, "test -e /etc/mark || echo pristine") == "pristine\n"


async def test_a_job_that_is_cancelled_while_its_root_is_made_leaves_nothing(vm: Vm, shell: Shell) -> None:
    async with vm.open_root(RootSpec("first")):  # takes the one that the template had ready
        pass
    before = await shell(vm, CENSUS)
    with anyio.CancelScope() as scope:
        scope.cancel()
        async with vm.open_root(RootSpec("job")):
            pass

    assert await shell(vm, CENSUS) == before
