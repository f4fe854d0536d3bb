"""What every VM promises about commands, where they are really executed."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import CommandNotStarted, FileTransferFailed
from terraphim_runner.ports.vm import Command, ExitStatus, Stream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.ports.vm import Execution, Vm

pytestmark = pytest.mark.anyio

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1024 * 1024


def shell(script: str, *arguments: str, env: Mapping[str, str] | None = None, has_stdin: bool = False) -> Command:
    return Command(
        ("/bin/sh", "-c", script, "sh", *arguments), env={"PATH": PATH} | dict(env or {}), has_stdin=has_stdin
    )


async def output_of(execution: Execution) -> bytes:
    return b"".join([data async for _, data in execution])


async def run(vm: Vm, command: Command) -> tuple[ExitStatus, bytes]:
    async with vm.exec(command) as execution:
        output = await output_of(execution)
        return await execution.wait(), output


async def read_until(execution: Execution, wanted: bytes) -> bytes:
    seen = b""
    async for _, data in execution:
        seen += data
        if wanted in seen:
            return seen
    raise AssertionError(f"{wanted!r} never came, only {seen!r}")


async def is_alive(vm: Vm, pid: int) -> bool:
    script = 'test -d /proc/$1 && ! grep -q "^State:.Z" /proc/$1/status'
    status, _ = await run(vm, shell(script, str(pid)))
    return status.is_success


async def test_output_keeps_its_order_across_both_streams(real_vm: Vm) -> None:
    script = "for i in 1 2 3; do echo o$i; read x; echo e$i >&2; read x; done"
    order = []
    async with real_vm.exec(shell(script, has_stdin=True)) as execution:
        async for stream, data in execution:
            order.append((stream, data))
            await execution.write_stdin(b"\n")

    assert [data for _, data in order] == [b"o1\n", b"e1\n", b"o2\n", b"e2\n", b"o3\n", b"e3\n"]
    assert [stream for stream, _ in order] == [Stream.STDOUT, Stream.STDERR] * 3


async def test_output_comes_while_the_command_runs(real_vm: Vm) -> None:
    with anyio.fail_after(60):
        async with real_vm.exec(shell("echo first; exec sleep 1000")) as execution:
            assert await read_until(execution, b"first\n") == b"first\n"


async def test_all_output_of_a_command_that_has_ended_is_delivered(real_vm: Vm) -> None:
    async with real_vm.exec(shell("seq 1 200000")) as execution:
        output = await output_of(execution)
        await execution.wait()

    assert output == b"".join(b"%d\n" % i for i in range(1, 200001))


async def test_unread_output_waits_and_takes_bounded_memory(real_vm: Vm) -> None:
    """200 MB are printed; the command blocks while nobody reads, and nothing is lost."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = 0
    async with real_vm.exec(shell("head -c 200000000 /dev/zero; echo done >&2")) as execution:
        status, _ = await run(real_vm, shell("exit 0"))
        assert status.is_success
        async for stream, data in execution:
            total += len(data) if stream is Stream.STDOUT else 0

    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert total == 200_000_000
    assert grown_kib < 40 * 1024


async def test_a_command_that_nobody_reads_can_be_ended(real_vm: Vm) -> None:
    with anyio.fail_after(60):
        async with real_vm.exec(shell("exec yes")) as execution:
            async for _ in execution:
                break
        status, _ = await run(real_vm, shell("exit 0"))

    assert status.is_success


async def test_binary_output_is_not_touched(real_vm: Vm) -> None:
    every_byte = bytes(range(256)) * 500
    _, output = await run(
        real_vm, Command(("/bin/cat", f"{real_vm.work_root}/f"), files={f"{real_vm.work_root}/f": every_byte})
    )

    assert output == every_byte


async def test_standard_input_is_empty_unless_asked_for(real_vm: Vm) -> None:
    assert await run(real_vm, shell("cat; echo end")) == (ExitStatus(code=0), b"end\n")


async def test_standard_input_arrives_whole(real_vm: Vm) -> None:
    data = bytes(range(256)) * 8 * 1024  # 2 MiB: more than the window and the pipe hold
    async with real_vm.exec(shell("cat", has_stdin=True)) as execution, anyio.create_task_group() as tasks:

        async def feed() -> None:
            await execution.write_stdin(data)
            await execution.close_stdin()
            await execution.close_stdin()

        tasks.start_soon(feed)
        output = await output_of(execution)

    assert output == data


async def test_input_that_the_command_does_not_read_blocks_nobody_for_ever(real_vm: Vm) -> None:
    with anyio.fail_after(60):
        async with real_vm.exec(
            shell("exec <&-; echo closed; read x </dev/null; exit 7", has_stdin=True)
        ) as execution:
            await execution.write_stdin(bytes(4 * MIB))
            await execution.close_stdin()
            status = await execution.wait()

    assert status == ExitStatus(code=7)


async def test_the_environment_is_exactly_what_was_asked_for(real_vm: Vm) -> None:
    env = {"PATH": PATH, "EMPTY": "", "LINES": "a\nb", "UNICODE": "žluť🐛"}
    _, output = await run(real_vm, Command(("/usr/bin/env", "-0"), env=env))

    assert dict(pair.split("=", 1) for pair in output.decode().strip("\0").split("\0")) == env


async def test_a_command_runs_in_its_directory(real_vm: Vm) -> None:
    assert await run(real_vm, Command(("/bin/pwd",), cwd="/usr/bin")) == (ExitStatus(code=0), b"/usr/bin\n")


async def test_arguments_arrive_as_they_are(real_vm: Vm) -> None:
    arguments = ("", " ", "a b", "*", "$HOME", "'\"\\", "žluť🐛", "two\nlines", "-n", "\udcff")
    _, output = await run(real_vm, Command(("/usr/bin/printf", "%s\\0", *arguments)))

    assert output == "".join(f"{argument}\0" for argument in arguments).encode("utf-8", "surrogateescape")


async def test_large_arguments_and_environments_arrive(real_vm: Vm) -> None:
    block = "x" * 100_000
    env = {f"BIG{i}": block for i in range(6)}
    _, output = await run(real_vm, shell('echo ${#BIG5} "$#"', *([block] * 5), env=env))

    assert output == b"100000 5\n"


async def test_what_linux_cannot_take_is_an_error_that_the_vm_survives(real_vm: Vm) -> None:
    with pytest.raises(CommandNotStarted, match=r"(?i)too long"):
        await run(real_vm, Command(("/bin/echo", "x" * 3 * MIB)))
    with pytest.raises(CommandNotStarted):
        await run(real_vm, Command(("/bin/echo", "x" * 9 * MIB)))
    with pytest.raises(CommandNotStarted):
        await run(real_vm, Command(("/bin/echo", "nul\0byte")))

    assert (await run(real_vm, shell("exit 0")))[0].is_success


@pytest.mark.parametrize(
    "command",
    [
        Command(("no-such-program",), env={"PATH": PATH}),
        Command(("/etc/passwd",)),
        Command(("/bin/true",), cwd="/no/such/directory"),
        Command(()),
    ],
    ids=["no program", "not executable", "no directory", "nothing at all"],
)
async def test_what_cannot_be_started_is_an_error_that_the_vm_survives(real_vm: Vm, command: Command) -> None:
    with pytest.raises(CommandNotStarted):
        await run(real_vm, command)

    assert (await run(real_vm, shell("exit 0")))[0].is_success


async def test_commands_have_default_signals_and_no_strange_descriptors(real_vm: Vm) -> None:
    _, signals = await run(real_vm, Command(("/bin/cat", "/proc/self/status")))
    _, descriptors = await run(real_vm, shell("ls /proc/self/fd"))

    status = dict(line.split(":\t", 1) for line in signals.decode().splitlines())
    # glibc keeps signals 32 and 33 for itself: its posix_spawn, which make uses, leaves 32 ignored for good.
    others = ~(0b11 << 31)
    assert [int(status[name], 16) & others for name in ("SigBlk", "SigIgn", "SigCgt")] == [0, 0, 0]
    assert descriptors.split() == [b"0", b"1", b"2", b"3"]  # the last is ls's own


async def test_a_command_is_the_leader_of_its_session(real_vm: Vm) -> None:
    _, output = await run(real_vm, shell("echo $$; cut -d' ' -f6 /proc/$$/stat"))

    pid, session = output.split()
    assert pid == session


async def test_a_signal_reaches_the_whole_tree(real_vm: Vm) -> None:
    script = "trap 'echo caught; exit 5' TERM; setsid sleep 1000 & echo $!; echo ready; while :; do wait; done"
    with anyio.fail_after(60):
        async with real_vm.exec(shell(script)) as execution:
            seen = await read_until(execution, b"ready\n")
            await execution.signal(15)
            rest = await output_of(execution)
            status = await execution.wait()

    assert rest == b"caught\n"
    assert status == ExitStatus(code=5)
    assert not await is_alive(real_vm, int(seen.split()[0]))


ESCAPEES = {
    "a child": "sleep 1000 & echo $!",
    "an orphan of another session": "(setsid sh -c 'sleep 1000 & echo $!' &)",
    "one that is deaf to signals": "(sh -c 'trap \"\" TERM INT HUP; echo $$; while :; do sleep 1; done' &)",
    "one that is stopped": "(sh -c 'echo $$; kill -STOP $$' &)",
}


@pytest.mark.parametrize("name", ESCAPEES)
async def test_nothing_that_a_command_started_survives_it(real_vm: Vm, name: str) -> None:
    with anyio.fail_after(60):
        async with real_vm.exec(shell(f"{ESCAPEES[name]}; exec sleep 1000")) as execution:
            pid = int(await read_until(execution, b"\n"))
            assert await is_alive(real_vm, pid)

    assert not await is_alive(real_vm, pid)


async def test_a_background_process_does_not_hold_up_the_end(real_vm: Vm) -> None:
    """The output ends a while after the command, though somebody still holds it open."""
    with anyio.fail_after(60):
        async with real_vm.exec(shell("sleep 1000 & echo said")) as execution:
            assert (await execution.wait()).is_success
            assert await output_of(execution) == b"said\n"


async def test_output_that_comes_a_little_late_is_not_lost(real_vm: Vm) -> None:
    _, output = await run(real_vm, shell("(sleep 0.1; echo late) & echo early"))

    assert output == b"early\nlate\n"


async def test_a_crowd_ends_with_its_command(real_vm: Vm) -> None:
    script = "i=0; while [ $i -lt 100 ]; do setsid sleep 9199 & i=$((i+1)); done; echo up; wait"
    with anyio.fail_after(60):
        async with real_vm.exec(shell(script)) as execution:
            await read_until(execution, b"up\n")
        _, output = await run(real_vm, shell("cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c 'sleep 919[9] '"))

    assert output == b"0\n"


async def test_a_chain_of_processes_that_fork_and_exit_ends_with_its_command(real_vm: Vm) -> None:
    """None of them lives long enough to be found and killed by its number."""
    beat = f"{real_vm.work_root}/beat"
    env = {"BEAT": beat}
    chain = 'next() { : > "$BEAT"; next & }; next; echo up; exec sleep 1000'
    command = Command(("/bin/sh", "-c", chain), env=env | {"PATH": PATH}, files={beat: b""})
    with anyio.fail_after(60):
        async with real_vm.exec(command) as execution:
            await read_until(execution, b"up\n")
        stopped, _ = await run(real_vm, shell("rm -f $BEAT; sleep 0.3; test ! -e $BEAT", env=env))

    assert stopped.is_success


async def test_many_commands_run_at_once(real_vm: Vm) -> None:
    results: dict[int, tuple[ExitStatus, bytes]] = {}

    async def one(number: int) -> None:
        results[number] = await run(real_vm, shell("echo $1; exit $1", str(number)))

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(one, number)

    assert results == {number: (ExitStatus(code=number), b"%d\n" % number) for number in range(20)}


async def test_a_stalled_command_stalls_no_other(real_vm: Vm) -> None:
    with anyio.fail_after(120):
        async with real_vm.exec(shell("exec yes")), real_vm.exec(shell("exec cat /dev/zero")):
            for _ in range(5):
                assert (await run(real_vm, shell("head -c 1000000 /dev/zero | wc -c")))[1].split() == [b"1000000"]


async def test_too_many_files_to_read_back_are_an_error(real_vm: Vm) -> None:
    path = f"{real_vm.work_root}/large"
    command = Command(
        ("/bin/sh", "-c", "head -c 5000000 /dev/zero > $0", path),
        env={"PATH": PATH},
        files={path: b""},
        read_back=(path,),
    )
    async with real_vm.exec(command) as execution:
        with pytest.raises(FileTransferFailed, match="4194304"):
            await execution.read_back()
