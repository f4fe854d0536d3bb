"""What a link makes of a guest that is late, silent, broken or hostile. The guest here is a script."""

from __future__ import annotations

import socket as sockets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import BootTimeout, FileTransferFailed, GuestError, MachineLost, StateError
from terraphim_runner.link.conversation import Agent, Conversation
from terraphim_runner.link.execution import start_execution
from terraphim_runner.link.guest_link import GuestLink, LinkSettings, open_link, run_link
from terraphim_runner.link.tree_transfer import put_tree
from terraphim_runner.ports.vm import Command, Tree, TreePlacement
from terraphim_runner.wire.connection import NEWEST_VERSION, Connection
from terraphim_runner.wire.frame import encode_frame
from terraphim_runner.wire.message import (
    Close,
    Closed,
    Data,
    Done,
    End,
    Exec,
    Exited,
    Failed,
    Fault,
    Hello,
    MakeDirectory,
    Message,
    Ping,
    Pong,
    Ready,
    Started,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

QUICK = LinkSettings(
    handshake_timeout_s=0.1, heartbeat_interval_s=0.02, heartbeat_timeout_s=0.1, close_timeout_s=0.1, window=1000
)
AT_REST = Conversation(Agent("test", 1, 1, "boot", "3.11"), sent=1, expected=1, last_channel=0)
PATIENT = LinkSettings(close_timeout_s=0.1, window=1000)


class ScriptedGuest:
    """The other end of a link's socket, in the hands of a test."""

    def __init__(self, socket: sockets.socket) -> None:
        self.socket = socket
        self.connection = Connection(Hello)
        self.received: list[Message] = []

    def say(self, *messages: Message) -> None:
        for message in messages:
            self.socket.sendall(self.connection.send(message))

    def greet(self, hello: Hello, version: int = NEWEST_VERSION) -> None:
        self.say(Ready(0, version, 1, 3, hello.nonce, "test", 1, "boot", "3.11"))

    async def hear(self, kind: type[Message]) -> Message:
        """Wait for a message of this kind; keep the others."""
        while not any(isinstance(message, kind) for message in self.received):
            await anyio.wait_readable(self.socket)
            self.received += self.connection.receive(self.socket.recv(65536))
        found = next(message for message in self.received if isinstance(message, kind))
        self.received.remove(found)
        return found

    async def answer_hello(self) -> None:
        hello = await self.hear(Hello)
        assert isinstance(hello, Hello)
        self.greet(hello)


@pytest.fixture
def pair() -> tuple[sockets.socket, ScriptedGuest]:
    ours, theirs = sockets.socketpair()
    return ours, ScriptedGuest(theirs)


@asynccontextmanager
async def linked(
    pair: tuple[sockets.socket, ScriptedGuest], settings: LinkSettings
) -> AsyncIterator[tuple[GuestLink, ScriptedGuest]]:
    socket, guest = pair
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(guest.answer_hello)
        async with open_link(socket, settings) as link:
            with guest.socket, anyio.fail_after(20):
                yield link, guest


async def test_a_guest_that_does_not_answer_is_a_boot_that_failed(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    socket, guest = pair
    with pytest.raises(BootTimeout), guest.socket:
        async with open_link(socket, QUICK):
            pass


async def test_a_guest_that_hangs_up_before_it_answers_is_lost_at_once(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    socket, guest = pair
    guest.socket.close()
    with pytest.raises(MachineLost):
        async with open_link(socket, LinkSettings()):
            pass


async def test_a_guest_of_another_version_is_told_with_what_mends_it(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    socket, guest = pair

    async def play() -> None:
        hello = await guest.hear(Hello)
        assert isinstance(hello, Hello)
        guest.greet(hello, version=0)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(play)
        with pytest.raises(GuestError, match="1 to 3") as caught, guest.socket:
            async with open_link(socket, LinkSettings()):
                pass

    assert caught.value.hint is not None
    assert "image build" in caught.value.hint


async def test_an_answer_to_somebody_else_is_not_ours(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    socket, guest = pair
    guest.greet(Hello(0, 1, 1, 12345))
    with pytest.raises(BootTimeout), guest.socket:
        async with open_link(socket, QUICK):
            pass


async def test_noise_is_shrugged_off(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:
        guest.socket.sendall(b"kernel: oops \xd7TR\x1a and more")
        tasks.start_soon(link.ping)
        ping = await guest.hear(Ping)
        guest.socket.sendall(bytes(1000))
        guest.say(Pong(ping.channel))

    assert isinstance(link.failure, MachineLost)  # closed, nothing worse


async def test_endless_noise_is_an_error(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest):
        guest.socket.setblocking(False)

        async def babble() -> None:
            while True:
                await anyio.wait_writable(guest.socket)
                guest.socket.send(bytes(64 * 1024))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(babble)
            assert isinstance(await link.wait_lost(), GuestError)
            tasks.cancel_scope.cancel()


async def test_a_lost_frame_is_an_error(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest):
        guest.connection.send(Pong(1))
        guest.say(Pong(1))

        assert "broke the protocol" in str(await link.wait_lost())


@pytest.mark.parametrize(
    "nonsense",
    [Pong(77), Pong(0), Ping(1), Closed(2**32 - 1), Hello(0, 1, 1, 1)],
    ids=["never opened", "the link itself", "a question", "the last channel", "a greeting"],
)
async def test_what_a_guest_may_not_say_is_an_error(
    pair: tuple[sockets.socket, ScriptedGuest], nonsense: Message
) -> None:
    async with linked(pair, PATIENT) as (link, guest):
        guest.say(nonsense)

        assert isinstance(await link.wait_lost(), GuestError)


async def test_an_unknown_kind_of_message_is_an_error(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest):
        guest.socket.sendall(encode_frame(99, 1, 0, b""))

        assert isinstance(await link.wait_lost(), GuestError)


async def test_a_guest_that_understood_nothing_is_an_error(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest):
        guest.say(Fault(0, "what?"))

        assert "what?" in str(await link.wait_lost())


async def test_more_output_than_there_is_credit_for_is_an_error(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:

        async def play() -> None:
            request = await guest.hear(Exec)
            guest.say(Started(request.channel, 1), Data(request.channel, 1, bytes(1001)))

        tasks.start_soon(play)
        with pytest.raises(GuestError, match="credit"):
            async with start_execution(link, Command(("x",))) as execution:
                await execution.wait()


async def test_a_silent_guest_is_lost(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, QUICK) as (link, _):
        assert "has not answered" in str(await link.wait_lost())


async def test_a_silent_guest_is_given_back_the_time_in_which_it_could_not_run(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    """Under load a guest is late; only one that had the time and said nothing hangs."""
    stalls = [0.0, 0.1, 0.2, 0.3, 0.3, 0.3]
    with pair[1].socket:
        link = GuestLink(pair[0], QUICK, AT_REST, stall=lambda: stalls.pop(0) if stalls else 0.3)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.serve)
            assert "has not answered" in str(await link.wait_lost())
        link.release_socket()

    assert stalls == [
        0.3
    ]  # asked at first, after each of three extensions, and when there was nothing to give back


async def test_a_conversation_is_gone_on_with_unasked(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    """Whoever knows where it stands greets nobody, and numbers on."""
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:
        tasks.start_soon(answer_ping, guest)
        await link.ping()
        stands = link.conversation
    ours, guest.socket = sockets.socketpair()
    link = GuestLink(ours, PATIENT, stands)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(link.serve)
        tasks.start_soon(answer_ping, guest)
        with anyio.fail_after(20):
            await link.ping()
        assert link.agent.boot_id == "boot"
        link.close()
    link.release_socket()
    guest.socket.close()

    assert guest.received == []


async def test_a_conversation_cannot_be_handed_on_in_the_middle(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    async with linked(pair, PATIENT) as (link, _):
        channel = link.open_channel()
        with pytest.raises(StateError):
            _ = link.conversation
        link.forget(channel)
        assert link.conversation.last_channel == channel.number


async def answer_ping(guest: ScriptedGuest) -> None:
    ping = await guest.hear(Ping)
    guest.say(Pong(ping.channel))


async def test_a_guest_whose_heart_says_it_failed_is_distrusted(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    async with linked(pair, QUICK) as (link, guest):
        guest.say(Failed((await guest.hear(Ping)).channel, 0, "not today"))

        lost = await link.wait_lost()
        assert isinstance(lost, GuestError)
        assert "not today" in str(lost)


async def test_a_guest_that_answers_is_not_lost(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, QUICK) as (link, guest):
        for _ in range(5):
            ping = await guest.hear(Ping)
            guest.say(Pong(ping.channel))

        assert link.failure is None


async def test_everybody_who_waits_learns_that_the_guest_hung_up(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    lost = []

    async def ping(link: GuestLink) -> None:
        with pytest.raises(MachineLost):
            await link.ping()
        lost.append(True)

    async with linked(pair, PATIENT) as (link, guest):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ping, link)
            for _ in range(3):
                await guest.hear(Ping)
            guest.socket.close()
        with pytest.raises(MachineLost):
            await link.ping()

    assert len(lost) == 3


async def test_a_guest_that_hangs_up_on_several_requests_of_one_call_is_one_error(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:

        async def play() -> None:
            for _ in range(3):
                await guest.hear(MakeDirectory)
            guest.socket.close()

        tasks.start_soon(play)
        with pytest.raises(MachineLost):
            await link.make_directories(["/a", "/b", "/c"], "runner")


async def test_a_cancelled_command_is_closed(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, LinkSettings()) as (link, guest), anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:

            async def play() -> None:
                request = await guest.hear(Exec)
                scope.cancel()
                close = await guest.hear(Close)
                assert close.channel == request.channel
                guest.say(Exited(close.channel, False, 0, (), False), Closed(close.channel))

            tasks.start_soon(play)
            async with start_execution(link, Command(("x",))):
                pass

        assert scope.cancelled_caught
        assert link.failure is None


async def test_a_guest_that_does_not_end_a_command_is_distrusted(
    pair: tuple[sockets.socket, ScriptedGuest],
) -> None:
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:

        async def play() -> None:
            request = await guest.hear(Exec)
            guest.say(Started(request.channel, 1))

        tasks.start_soon(play)
        async with start_execution(link, Command(("x",))):
            pass

        assert isinstance(link.failure, GuestError)


async def test_a_tree_is_not_there_before_the_guests_tar_has_said_so(
    pair: tuple[sockets.socket, ScriptedGuest], tmp_path: Path
) -> None:
    """Its output may end long before it does."""
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:

        async def play() -> None:
            guest.say(Done((await guest.hear(MakeDirectory)).channel))
            request = await guest.hear(Exec)
            guest.say(Started(request.channel, 1), Data(request.channel, 2, b"disk full"), End(request.channel))
            tasks.start_soon(answer_ping, guest)
            await link.ping()  # when that is back, the end of the output has been read
            await anyio.wait_all_tasks_blocked()
            guest.say(Exited(request.channel, False, 2, (), False))
            guest.say(Closed((await guest.hear(Close)).channel))

        tasks.start_soon(play)
        with pytest.raises(FileTransferFailed, match="disk full"):
            await put_tree(link, Tree(tmp_path, ()), TreePlacement("/tree"))


async def test_late_messages_are_dropped(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    async with linked(pair, PATIENT) as (link, guest), anyio.create_task_group() as tasks:
        tasks.start_soon(link.ping)
        ping = await guest.hear(Ping)
        guest.say(Pong(ping.channel), Pong(ping.channel), Data(ping.channel, 1, b"late"))
        tasks.start_soon(link.ping)
        ping = await guest.hear(Ping)
        guest.say(Pong(ping.channel))

    assert isinstance(link.failure, MachineLost)


async def test_a_link_can_live_in_somebody_elses_task_group(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    socket, guest = pair
    with anyio.fail_after(20), guest.socket:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(guest.answer_hello)
            link = await tasks.start(run_link, socket, LinkSettings())
            assert link.agent.version == "test"
            link.close()

    assert socket.fileno() == -1


async def test_an_error_of_the_callers_comes_out_as_it_is(pair: tuple[sockets.socket, ScriptedGuest]) -> None:
    socket, guest = pair
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(guest.answer_hello)
        with pytest.raises(ZeroDivisionError), guest.socket:
            async with open_link(socket, LinkSettings()):
                raise ZeroDivisionError
