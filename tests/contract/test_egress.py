"""A namespace that leads nowhere, and what gets out of it: real sockets, no VM."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import struct
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from tests.contract.descriptor import descriptors, descriptors_left

import terraphim_runner
from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.errors import HostError
from terraphim_runner.domain.network import Exceptions, NetworkMode, NetworkPolicy, Rule
from terraphim_runner.egress.gate import Gates
from terraphim_runner.egress.guard import Guard, own_addresses
from terraphim_runner.egress.journal import Journal
from terraphim_runner.egress.name_service import NameService
from terraphim_runner.egress.namespace import NamespaceShelf, make_namespace
from terraphim_runner.egress.tcp_relay import TcpRelay
from terraphim_runner.egress.udp_relay import UdpRelay, datagram

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import SocketStream

    from terraphim_runner.egress.namespace import Namespace

    Reach = Callable[..., AbstractAsyncContextManager["Outside"]]

pytestmark = pytest.mark.anyio

# A client reaches out from a namespace: connects, says something, ends its half, prints all that comes back.
TCP_CLIENT = """
import socket, sys
address, port, said = sys.argv[1], int(sys.argv[2]), sys.argv[3].encode().decode("unicode_escape").encode()
try:
    with socket.create_connection((address, port), 20) as s:
        s.sendall(said)
        s.shutdown(socket.SHUT_WR)
        while data := s.recv(65536):
            sys.stdout.buffer.write(data)
except OSError as error:
    print(type(error).__name__)
"""
UDP_CLIENT = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.settimeout(float(sys.argv[4]))
    s.sendto(sys.argv[3].encode().decode("unicode_escape").encode("latin-1"), (sys.argv[1], int(sys.argv[2])))
    try:
        data, source = s.recvfrom(65536)
        print(source, data)
    except TimeoutError:
        print("silence")
"""


@dataclass
class Outside:
    """The world outside the namespace: this machine's own address, taken for one of the internet's."""

    address: str
    guard: Guard
    namespace: Namespace
    log: Path

    async def run(self, client: str, *arguments: object) -> str:
        command = [*self.namespace.entrance, sys.executable, "-c", client, *map(str, arguments)]
        return (await anyio.run_process(command)).stdout.decode()

    def entries(self, *fields: str) -> list[tuple[object, ...]]:
        lines = map(json.loads, self.log.read_text().splitlines())
        return [tuple(line.get(field) for field in fields) for line in lines]


def public_address() -> str:
    found = sorted(str(address) for address in own_addresses() if not address.is_loopback)
    if not found:
        pytest.skip("this machine has no address but its loopback")
    return found[0]


@pytest.fixture
def reach(tmp_path: Path) -> Reach:
    """Open a way out under a policy."""

    @asynccontextmanager
    async def opened(
        mode: NetworkMode = NetworkMode.OPEN,
        *rules: str,
        servers: tuple[tuple[str, int], ...] = (),
        exceptions: Exceptions | None = None,
    ) -> AsyncIterator[Outside]:
        try:
            namespace = await make_namespace()
        except HostError as error:
            pytest.skip(str(error))
        journal = Journal(tmp_path / "log.jsonl", SystemClock())
        policy = NetworkPolicy(mode, tuple(map(Rule.parse, rules)))
        guard = Guard(policy, journal, own=frozenset, exceptions=lambda: exceptions or Exceptions())
        names = NameService(namespace.names, guard, lambda: list(servers))
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(names.serve)
                tasks.start_soon(TcpRelay(namespace.listener, guard, names.serve_connection, SystemClock()).serve)
                tasks.start_soon(UdpRelay(namespace.datagrams, namespace.answers, guard).serve)
                yield Outside(public_address(), guard, namespace, journal.path)
                tasks.cancel_scope.cancel()
        finally:
            namespace.close()
            journal.close()

    return opened


@dataclass
class Server:
    """Echoes what it hears, after its end."""

    port: int
    heard: list[bytes]


@asynccontextmanager
async def echo_server() -> AsyncIterator[Server]:
    listener = await anyio.create_tcp_listener(local_host="0.0.0.0")
    server = Server(listener.extra(anyio.abc.SocketAttribute.local_port), [])

    async def handle(stream: SocketStream) -> None:
        async with stream:
            data = b"".join([piece async for piece in stream])
            server.heard.append(data)
            await stream.send(data)

    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


async def test_a_connection_is_carried_both_ways_and_each_half_ends_by_itself(reach: Reach) -> None:
    async with echo_server() as server, reach() as outside:
        assert await outside.run(TCP_CLIENT, outside.address, server.port, "hello\\n") == "hello\n"

    assert outside.entries("kind", "verdict", "address", "port", "bytes_out", "bytes_in") == [
        ("tcp", "allowed", outside.address, server.port, 6, 6)
    ]
    assert (outside.guard.journal.bytes_out, outside.guard.journal.bytes_in) == (6, 6)


async def test_much_is_carried_whole(reach: Reach) -> None:
    client = TCP_CLIENT.replace("s.sendall(said)", "s.sendall(b'\\0x' * 4_000_000)").replace(
        "sys.stdout.buffer.write(data)", "n = globals().get('n', 0) + data.count(b'\\0x')"
    )
    async with echo_server() as server, reach() as outside:
        await outside.run(client, outside.address, server.port, "")

    assert server.heard == [b"\0x" * 4_000_000]
    assert outside.entries("bytes_out", "bytes_in") == [(8_000_000, 8_000_000)]


async def test_p10_this_machine_is_out_of_reach_and_refuses_at_once(reach: Reach) -> None:
    async with echo_server() as server, reach() as outside:
        said = await outside.run(TCP_CLIENT, "127.0.0.1", server.port, "hello")

    assert said.strip() in {"ConnectionResetError", "ConnectionRefusedError", "BrokenPipeError"}
    assert server.heard == []
    assert [str(each) for each in outside.guard.journal.blocked()] == [f"host:{server.port}"]
    assert outside.entries("verdict", "domain", "reason") == [("blocked", "host", "an address of this machine")]


async def test_a_port_of_this_machine_can_be_opened(reach: Reach) -> None:
    async with echo_server() as server, reach(NetworkMode.OPEN, f"host:{server.port}") as outside:
        assert await outside.run(TCP_CLIENT, "127.0.0.1", server.port, "hello") == "hello"


async def test_a_port_nobody_listens_on_fails_and_is_logged(reach: Reach) -> None:
    with socket.socket() as free:
        free.bind(("0.0.0.0", 0))
        async with reach() as outside:
            said = await outside.run(TCP_CLIENT, outside.address, free.getsockname()[1], "hello")

    assert said.strip().endswith("Error")
    assert outside.entries("verdict", "reason") == [("failed", "Connection refused")]


@pytest.mark.parametrize(("host", "is_allowed"), [("a.example", True), ("evil.example", False)])
async def test_an_allowed_address_does_not_open_its_other_names(reach: Reach, host: str, is_allowed: bool) -> None:
    """Many names share one address; the connection itself must call one that is allowed."""
    request = f"GET / HTTP/1.1\\r\\nHost: {host}\\r\\n\\r\\n"
    async with echo_server() as server, reach(NetworkMode.ALLOWLIST, "a.example:*") as outside:
        outside.guard.learn("a.example", [IPv4Address(outside.address)])
        said = await outside.run(TCP_CLIENT, outside.address, server.port, request)

    assert (host in said) is is_allowed
    assert outside.entries("verdict", "domain") == [("allowed" if is_allowed else "blocked", host)]
    assert bool(b"".join(server.heard)) is is_allowed


_ASKED = "GET http://mirror.example/a HTTP/1.1\\r\\nHost: mirror.example\\r\\n\\r\\n"
_TUNNEL = "CONNECT mirror.example:443 HTTP/1.1\\r\\n\\r\\n"


@pytest.mark.parametrize(
    ("said", "carried"),
    [
        (_ASKED + _ASKED, _ASKED + _ASKED),
        (_ASKED + "GET http://169.254.169.254/ HTTP/1.1\\r\\n\\r\\n", _ASKED),
        (_ASKED + "POST http://mirror.example/ HTTP/1.1\\r\\n\\r\\n", _ASKED),
        (_ASKED + "GET http://mirror", _ASKED),
        (_TUNNEL + "\\x16hello", _TUNNEL + "\\x16hello"),
        (_TUNNEL + "GET http://169.254.169.254/ HTTP/1.1\\r\\n\\r\\n", _TUNNEL),
        ("hello", ""),
    ],
)
async def test_p10_each_request_to_the_proxy_of_apt_is_for_a_mirror(reach: Reach, said: str, carried: str) -> None:
    async with echo_server() as server:
        proxy = Exceptions((Rule.parse("mirror.example:80"),), (Rule.parse(f"host:{server.port}"),))
        async with reach(exceptions=proxy) as outside:
            await outside.run(TCP_CLIENT, "127.0.0.1", server.port, said)

    is_refused = said != carried
    assert outside.guard.journal.bytes_out == len(carried.encode().decode("unicode_escape"))
    assert outside.entries("verdict")[-1] == ("blocked" if is_refused else "allowed",)


async def test_an_address_that_was_never_looked_up_is_not_on_the_list(reach: Reach) -> None:
    async with echo_server() as server, reach(NetworkMode.ALLOWLIST, "a.example:*") as outside:
        said = await outside.run(TCP_CLIENT, outside.address, server.port, "hello")

    assert said.strip().endswith("Error")
    assert server.heard == []


@asynccontextmanager
async def datagram_server(
    answer: Callable[[bytes], bytes], heard: list[bytes] | None = None
) -> AsyncIterator[int]:
    async with await anyio.create_udp_socket(local_host="0.0.0.0") as sock, anyio.create_task_group() as tasks:

        async def serve() -> None:
            async for data, source in sock:
                if heard is not None:
                    heard.append(data)
                await sock.sendto(answer(data), *source)

        tasks.start_soon(serve)
        yield sock.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


async def test_datagrams_come_back_from_whom_they_were_sent_to(reach: Reach) -> None:
    async with datagram_server(lambda data: data.upper()) as port, reach() as outside:
        said = await outside.run(UDP_CLIENT, outside.address, port, "hello", 20)

    assert said.strip() == f"('{outside.address}', {port}) b'HELLO'"
    assert outside.entries("kind", "verdict", "bytes_out", "bytes_in") == [("udp", "allowed", 5, 5)]


async def test_p10_refused_datagrams_are_not_carried(reach: Reach) -> None:
    heard: list[bytes] = []
    async with datagram_server(bytes.upper, heard) as port, reach() as outside:
        said = await outside.run(UDP_CLIENT, "127.0.0.1", port, "hello", 0.3)

    assert said.strip() == "silence"
    assert heard == []
    assert outside.entries("kind", "verdict", "domain") == [("udp", "blocked", "host")]


def prohibit(sender: tuple[str, int], receiver: tuple[str, int]) -> None:
    """Tell the sender of a datagram what a filtering router tells it."""
    body = bytes(4) + datagram(b"", sender, receiver)
    words = struct.unpack(f"!{len(body) // 2}H", body)
    checksum = 0xFFFF - ((3 << 8 | 13) + sum(words)) % 0xFFFF  # the Internet's
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sock:
        sock.sendto(struct.pack("!BBH", 3, 13, checksum) + body, sender)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can play a router")
async def test_a_router_that_lets_nothing_through_ends_one_flow_and_not_the_vm(reach: Reach) -> None:
    """Whatever the kernel makes of what it is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("0.0.0.0", 0))
        port = server.getsockname()[1]
        async with datagram_server(bytes.upper) as other, reach() as outside:

            async def refuse() -> None:
                await anyio.wait_readable(server)
                prohibit(server.recvfrom(100)[1], (outside.address, port))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(refuse)
                assert (await outside.run(UDP_CLIENT, outside.address, port, "hello", 0.5)).strip() == "silence"
            assert "HELLO" in await outside.run(UDP_CLIENT, outside.address, other, "hello", 20)


def dns(name: str, *, answer: bytes = b"") -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    flags, records = (b"\x81\x80", 1) if answer else (b"\x01\0", 0)
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04" + answer if answer else b""
    return b"\0\x07" + flags + b"\0\x01\0" + bytes([records]) + b"\0\0\0\0" + labels + b"\0\0\x01\0\x01" + record


def escaped(data: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in data)


async def test_a_name_is_looked_up_where_this_machine_looks_it_up(reach: Reach) -> None:
    """Whatever name server the guest asks; and what it was told opens the way."""
    answer = dns("a.example", answer=bytes([9, 9, 9, 9]))
    async with (
        datagram_server(lambda _: answer) as port,
        reach(NetworkMode.ALLOWLIST, "a.example", servers=(("127.0.0.1", port),)) as outside,
    ):
        said = await outside.run(UDP_CLIENT, "8.8.8.8", 53, escaped(dns("a.example")), 20)
        errand = outside.guard.judge("tcp", "9.9.9.9", 443)

    assert said.strip() == f"('8.8.8.8', 53) {answer!r}"
    assert outside.entries("kind", "verdict", "domain", "type") == [("dns", "allowed", "a.example", "A")]
    assert errand.verdict.is_allowed


async def test_a_name_that_is_not_allowed_does_not_exist(reach: Reach) -> None:
    """Nothing is asked anywhere: a question can carry data out."""
    asked: list[bytes] = []
    async with (
        datagram_server(bytes.upper, asked) as port,
        reach(NetworkMode.ALLOWLIST, "a.example", servers=(("127.0.0.1", port),)) as outside,
    ):
        said = await outside.run(UDP_CLIENT, "10.255.0.1", 53, escaped(dns("secret.evil.example")), 20)

    assert "x81\\x83" in said  # no such name
    assert asked == []
    assert [str(each) for each in outside.guard.journal.blocked()] == ["secret.evil.example"]


@pytest.mark.parametrize(("at", "bits", "code"), [(2, 0x28, 4), (-3, 252, 5), (-1, 3, 5)])
async def test_what_is_no_question_is_not_passed_on(reach: Reach, at: int, bits: int, code: int) -> None:
    """Updates of names, transfers of zones: servers of an office grant them by the address of who asks."""
    asked: list[bytes] = []
    query = bytearray(dns("a.example"))
    query[at] = bits
    async with datagram_server(bytes.upper, asked) as port, reach(servers=(("127.0.0.1", port),)) as outside:
        said = await outside.run(UDP_CLIENT, "10.255.0.1", 53, escaped(bytes(query)), 20)

    assert f"\\x8{code}" in said or f"\\x0{code}" in said
    assert asked == []


async def test_a_question_may_come_by_tcp(reach: Reach) -> None:
    query = dns("evil.example")
    async with reach(NetworkMode.ALLOWLIST, "a.example") as outside:
        client = TCP_CLIENT.replace('.encode().decode("unicode_escape").encode()', "").replace(
            "s.sendall(said)", "s.sendall(bytes.fromhex(said))"
        )
        client = client.replace("write(data)", "write(data.hex().encode())")
        said = await outside.run(client, "10.255.0.1", 53, (bytes([0, len(query)]) + query).hex())

    assert outside.entries("kind", "verdict", "domain") == [("dns", "blocked", "evil.example")]
    assert said == (bytes([0, len(query)]) + query[:2] + b"\x81\x83" + query[4:]).hex()


async def test_gates_leave_no_descriptor_behind(tmp_path: Path) -> None:
    before = descriptors()
    gates = Gates(tmp_path / "egress", SystemClock())
    async with anyio.create_task_group() as tasks:
        gates.start(tasks)
        try:
            async with gates.open(NetworkPolicy(), "vm-1.g1") as gate, gates.open(NetworkPolicy(), "vm-2.g1"):
                await anyio.run_process([*gate.entrance, "true"])
        except HostError as error:
            pytest.skip(str(error))
        tasks.cancel_scope.cancel()
    gates.close()

    assert descriptors() == before


@pytest.mark.parametrize("count", range(12))
async def test_however_few_descriptors_are_left_none_is_lost(reach: Reach, count: int) -> None:
    """A namespace comes whole, or there is an error that whoever allocates expects."""
    async with reach():  # or skip
        pass
    before = descriptors()
    with descriptors_left(count), suppress(HostError):
        (await make_namespace()).close()

    assert descriptors() == before


async def test_a_spare_namespace_that_cannot_be_made_ends_nobody_elses_tasks(reach: Reach) -> None:
    """They are those of all VMs; who needs a namespace then is told, and gets one when it is possible again."""
    async with reach():  # or skip
        pass
    shelf = NamespaceShelf()
    async with anyio.create_task_group() as tasks:
        with descriptors_left(0):
            shelf.start(tasks)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(HostError, match="Too many open files"):
                await shelf.take()
        (await shelf.take()).close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_without_rights_can_make_a_namespace_and_gains_none() -> None:
    """What enters it has no capability, not even there."""
    program = """
import anyio
from terraphim_runner.egress.namespace import make_namespace
async def main():
    namespace = await make_namespace()
    ended = await anyio.run_process([*namespace.entrance, "grep", "-E", "^Cap(Prm|Eff)|^Uid", "/proc/self/status"])
    print(ended.stdout.decode())
anyio.run(main)
"""
    paths = [
        str(Path(terraphim_runner.__file__).parents[1]),
        *filter(lambda path: "site-packages" in path, sys.path),
    ]
    ended = subprocess.run(
        ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "/usr/bin/python3", "-c", program],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if re.search("No module named|lets us make no network namespace|Permission denied", ended.stderr):
        pytest.skip(ended.stderr.splitlines()[-1])

    assert ended.stderr == ""
    assert set(re.findall(r"^Cap\w+:\s+(\w+)", ended.stdout, re.MULTILINE)) == {"0" * 16}
    assert "65534" in ended.stdout


class _Exhausted(socket.socket):
    """A listener for which there is no descriptor at first."""

    refusals = 1

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


async def test_a_connection_waits_until_there_are_descriptors(tmp_path: Path) -> None:
    """What lacks them must not end the VM."""
    clock, journal = ManualClock(), Journal(tmp_path / "log", SystemClock())
    with _Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        guard = Guard(NetworkPolicy(NetworkMode.ALLOWLIST), journal)
        relay = TcpRelay(listener, guard, NameService(listener, guard).serve_connection, clock)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(relay.serve)
            async with await anyio.connect_tcp(*listener.getsockname()) as stream:
                await clock.advance_s(1)
                with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                    await stream.receive()
            tasks.cancel_scope.cancel()
    journal.close()

    assert journal.blocked()
