"""What the agent survives, and what it takes with it when it goes. It runs here as a plain process."""

from __future__ import annotations

import ast
import os
import select
import signal
import socket as sockets
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

import terraphim_runner
from terraphim_runner.domain.errors import FileTransferFailed, GuestError, InfraError, MachineLost
from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.guest_link import LinkSettings, open_link
from terraphim_runner.ports.vm import Command
from terraphim_runner.wire.connection import NEWEST_VERSION, OLDEST_VERSION, Connection
from terraphim_runner.wire.frame import encode_frame
from terraphim_runner.wire.message import Exec, Fault, Hello, Message, Ping, Pong, Ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from terraphim_runner.link.execution import LinkExecution
    from terraphim_runner.link.guest_link import GuestLink

pytestmark = pytest.mark.anyio

PACKAGE = Path(terraphim_runner.__file__).parent
BOOT = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); import terraphim_runner.guest.agent as agent; "
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ESCAPEE = "(setsid sh -c 'echo $$; exec sleep 1000' &) ; exec sleep 1000"


class Agent:
    """An agent and the other end of its socket."""

    def __init__(self) -> None:
        self.socket, theirs = sockets.socketpair()
        self.socket.settimeout(20)
        options = ["--fd", str(theirs.fileno()), "--parent", str(os.getpid())]
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", BOOT + "agent.main()", *options],
            pass_fds=[theirs.fileno()],
            env={},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()
        self.connection = Connection(Ready)

    def say(self, message: Message) -> None:
        self.socket.sendall(self.connection.send(message))

    def hear(self, kind: type[Message]) -> Message:
        while True:
            for message in self.connection.receive(self.socket.recv(65536)):
                if isinstance(message, kind):
                    return message


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.socket.close()
    assert agent.process.wait(20) is not None


@asynccontextmanager
async def linked(agent: Agent) -> AsyncIterator[GuestLink]:
    async with open_link(agent.socket, LinkSettings(close_timeout_s=10)) as link:
        with anyio.fail_after(30):
            yield link


async def run_until(link: GuestLink, script: str, act: Callable[[int], None]) -> None:
    """Run a script that prints a process number; do something with that; wait for the end."""
    command = Command(("/bin/sh", "-c", script), env={"PATH": PATH})
    async with start_execution(link, command) as execution:
        act(await first_number(execution))
        await execution.wait()


async def first_number(execution: LinkExecution) -> int:
    _, data = await anext(execution)
    return int(data)


def wait_gone(pid: int) -> None:
    """Wait until a process that is not ours has ended."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    with os.fdopen(handle):
        assert select.select([handle], [], [], 20)[0]


def test_noise_between_messages_is_harmless(agent: Agent) -> None:
    agent.say(Hello(0, OLDEST_VERSION, NEWEST_VERSION, 7))
    agent.hear(Ready)
    for channel in range(1, 20):
        agent.socket.sendall(os.urandom(3000).replace(b"\xd7", b"") + b"\xd7TR\x1a\x01")
        agent.say(Ping(channel))
        assert agent.hear(Pong) == Pong(channel)


@pytest.mark.parametrize("damage", ["lost frame", "unknown kind", "not for a guest"])
def test_what_it_does_not_understand_it_tells_and_starts_over(agent: Agent, damage: str) -> None:
    agent.say(Hello(0, OLDEST_VERSION, NEWEST_VERSION, 7))
    agent.hear(Ready)
    if damage == "lost frame":
        agent.connection.send(Ping(1))
        agent.say(Ping(2))
    elif damage == "unknown kind":
        agent.socket.sendall(encode_frame(99, 1, 0, b""))
    else:
        agent.say(Pong(1))
    assert isinstance(agent.hear(Fault), Fault)

    agent.say(Hello(0, OLDEST_VERSION, NEWEST_VERSION, 8))
    assert isinstance(agent.hear(Ready), Ready)


def test_a_host_of_another_version_is_told_so(agent: Agent) -> None:
    agent.say(Hello(0, NEWEST_VERSION + 1, NEWEST_VERSION + 2, 7))
    ready = agent.hear(Ready)

    assert isinstance(ready, Ready)
    assert (ready.version, ready.oldest, ready.newest) == (0, OLDEST_VERSION, NEWEST_VERSION)


def test_a_new_greeting_ends_what_the_last_one_started(agent: Agent, tmp_path: Path) -> None:
    agent.say(Hello(0, OLDEST_VERSION, NEWEST_VERSION, 7))
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; exec sleep 1000"
    agent.say(Exec(1, "", ("/bin/sh", "-c", script), (("PATH", PATH),), "/", "root", False, 1000, 1000, (), ()))
    deadline = time.monotonic() + 20
    while not (tmp_path / "pid").exists():
        assert time.monotonic() < deadline
        os.sched_yield()
    agent.say(Hello(0, OLDEST_VERSION, NEWEST_VERSION, 8))

    wait_gone(int((tmp_path / "pid").read_text()))


async def test_the_hosts_end_is_the_end_of_everything_below(agent: Agent) -> None:
    seen = []

    def hang_up(pid: int) -> None:
        seen.append(pid)
        agent.socket.shutdown(sockets.SHUT_RDWR)

    async with linked(agent) as link:
        with pytest.raises(MachineLost):
            await run_until(link, ESCAPEE, hang_up)

    assert agent.process.wait(20) == 0
    wait_gone(seen[0])


async def test_an_agent_that_is_killed_takes_everything_with_it(agent: Agent) -> None:
    seen = []

    def kill_agent(pid: int) -> None:
        seen.append(pid)
        agent.process.kill()

    async with linked(agent) as link:
        with pytest.raises(MachineLost):
            await run_until(link, ESCAPEE, kill_agent)

    wait_gone(seen[0])


async def test_a_supervisor_that_is_killed_is_an_error_not_a_status(agent: Agent) -> None:
    async with linked(agent) as link:
        with pytest.raises(GuestError, match="supervisor"):
            await run_until(link, "echo $PPID; exec sleep 1000", lambda pid: os.kill(pid, signal.SIGKILL))


def test_a_host_that_is_killed_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
import anyio, sys
from pathlib import Path
from terraphim_runner.adapters.process.provider import ProcessProvider
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.ports.vm import AllocationRequest, Command
async def main():
    async with ProcessProvider(Path({str(tmp_path)!r})) as provider:
        vm = (await provider.allocate(AllocationRequest(VmType("x", "x", 1, 1, 1)))).vm
        async with vm.exec(Command(("/bin/sh", "-c", {ESCAPEE!r}), env={{"PATH": {PATH!r}}})) as execution:
            async for _, data in execution:
                sys.stdout.write(data.decode())
                sys.stdout.flush()
anyio.run(main)
"""
    host = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert host.stdout is not None
    pid = int(host.stdout.readline())
    host.kill()
    host.wait()
    host.stdout.close()

    wait_gone(pid)


async def test_a_process_does_not_touch_the_machine_it_runs_on(agent: Agent) -> None:
    async with linked(agent) as link:
        with pytest.raises(InfraError, match="not a machine"):
            await link.personalize(unix_ns=1, hostname="x")
        with pytest.raises(FileTransferFailed, match="not a machine"):
            await link.mount_mailbox("mailbox", "/nowhere", "root")


def test_the_guest_imports_the_standard_library_and_the_wire_only() -> None:
    for file in [*(PACKAGE / "guest").glob("*.py"), *(PACKAGE / "wire").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                ours = name.startswith(("terraphim_runner.wire", "terraphim_runner.guest"))
                assert ours or name.partition(".")[0] in sys.stdlib_module_names, (file.name, name)


def test_the_agent_starts_without_what_is_slow_to_import() -> None:
    """Each of these costs 2 to 14 ms on the host and several times that under emulation."""
    slow = ("typing", "dataclasses", "enum", "signal", "socket", "selectors", "collections", "json", "ctypes")
    code = BOOT + f"print([name for name in {slow!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True)

    assert done.stdout == "[]\n"
