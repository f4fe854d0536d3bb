"""Answer a guest's questions to name servers: by asking this machine's, or with "no such name"."""

from __future__ import annotations

import ipaddress
import re
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from terraphim_runner.egress.dns_message import (
    NO_SUCH_NAME,
    SERVER_FAILURE,
    DnsInvalid,
    Question,
    addresses,
    is_answer_to,
    parse_question,
    refuse,
)
from terraphim_runner.egress.journal import Entry
from terraphim_runner.egress.stream import Place, connect, family_of, receive, receive_exactly, send

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from terraphim_runner.egress.guard import Guard

_RESOLV_CONF = Path("/etc/resolv.conf")
_NAME_SERVER = re.compile(r"^\s*nameserver\s+(\S+)", re.MULTILINE)
_PORT = 53
_TIMEOUT_S = 3.0  # for one server
_MOST_QUESTIONS = 100  # at once, of one VM
_MOST_BYTES = 65535
_IP_PKTINFO = 8
_PKTINFO = struct.Struct("@i4s4s")


def host_name_servers() -> list[Place]:
    """Read which name servers this machine asks, anew each time: a laptop moves."""
    try:
        text = _RESOLV_CONF.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [(address, _PORT) for address in parse_name_servers(text)]


def parse_name_servers(resolv_conf: str) -> list[str]:
    """Read their addresses."""
    return [word for word in _NAME_SERVER.findall(resolv_conf) if _is_address(word.partition("%")[0])]


class NameService:
    """Answers for one VM, over UDP and TCP."""

    def __init__(
        self, sock: socket.socket, guard: Guard, servers: Callable[[], list[Place]] = host_name_servers
    ) -> None:
        """Answer what comes to `sock`, which tells what each datagram was sent to."""
        self._socket = sock
        self._guard = guard
        self._servers = servers
        self._places = anyio.Semaphore(_MOST_QUESTIONS)

    async def serve(self) -> None:
        """Answer datagrams until cancelled."""
        async with anyio.create_task_group() as tasks:
            while True:
                await anyio.wait_readable(self._socket)
                with suppress(OSError):
                    query, information, _, asker = self._socket.recvmsg(_MOST_BYTES, 64)
                    await self._places.acquire()
                    tasks.start_soon(self._answer_datagram, query, _asked_address(information), asker)

    async def serve_connection(self, guest: socket.socket) -> None:
        """Answer what comes over a connection, one after the other."""
        with suppress(EOFError):
            while True:
                query = await receive_exactly(guest, int.from_bytes(await receive_exactly(guest, 2), "big"))
                answer = await self._answer(query, _ask_by_stream)
                await send(guest, len(answer).to_bytes(2, "big") + answer)

    async def _answer_datagram(self, query: bytes, asked: bytes, asker: tuple[str, int]) -> None:
        try:
            answer = await self._answer(query, _ask_by_datagram)
            information = (socket.IPPROTO_IP, _IP_PKTINFO, _PKTINFO.pack(0, asked, bytes(4)))
            with suppress(OSError):
                self._socket.sendmsg([answer], [information], 0, asker)
        finally:
            self._places.release()

    async def _answer(self, query: bytes, ask: Callable[[bytes, Place], Awaitable[bytes]]) -> bytes:
        try:
            question = parse_question(query)
        except DnsInvalid:
            return b""
        if question.refusal is not None:
            self._log(question, "blocked", "no question that a guest may ask")
            return refuse(query, question, question.refusal)
        if not self._guard.policy.may_look_up(question.name):
            self._log(question, "blocked", "not on the allow list")
            return refuse(query, question, NO_SUCH_NAME)
        for server in self._servers():
            with suppress(OSError, EOFError):
                answer = await ask(query, server)
                self._guard.learn(question.name, addresses(answer))
                self._log(question, "allowed", None)
                return answer
        self._log(question, "failed", "no name server answered")
        return refuse(query, question, SERVER_FAILURE)

    def _log(self, question: Question, verdict: str, reason: str | None) -> None:
        self._guard.journal.write(Entry("dns", verdict, question.name, type=question.type, reason=reason))


async def _ask_by_datagram(query: bytes, server: Place) -> bytes:
    with socket.socket(family_of(server), socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.connect(server)
        sock.send(query)
        with anyio.fail_after(_TIMEOUT_S):
            while not is_answer_to(query, answer := await receive(sock)):
                pass
        return answer


async def _ask_by_stream(query: bytes, server: Place) -> bytes:
    with await connect(server, _TIMEOUT_S) as sock, anyio.fail_after(_TIMEOUT_S):
        await send(sock, len(query).to_bytes(2, "big") + query)
        return await receive_exactly(sock, int.from_bytes(await receive_exactly(sock, 2), "big"))


def _asked_address(information: list[tuple[int, int, bytes]]) -> bytes:
    return next((data[8:12] for _, kind, data in information if kind == _IP_PKTINFO), bytes(4))


def _is_address(word: str) -> bool:
    try:
        ipaddress.ip_address(word)
    except ValueError:
        return False
    return True
