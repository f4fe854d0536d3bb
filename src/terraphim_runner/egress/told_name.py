"""Which server a connection asks for: TLS's server name or HTTP's host. Pure."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import Enum

from terraphim_runner.egress.dns_message import readable

_MOST_BYTES = 64 * 1024
_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 22, 1, 0
_REQUEST = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+ +\S+ +HTTP/1\.[0-9]\r?\n")
_LINE_START = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+( [\x21-\xff \t]*)?\r?")
_HOST = re.compile(rb"^host:[ \t]*(\S*)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_ABSOLUTE = re.compile(rb"\S+ +https?://([^/\s?#]*)", re.IGNORECASE)
_AUTHORITY = re.compile(rb"CONNECT +(\S+)")
_HEAD_END = re.compile(rb"\n\r?\n")
_WITHOUT_BODY = re.compile(rb"(?:GET|HEAD|CONNECT) ")
_BODY = re.compile(rb"\n(?:content-length|transfer-encoding)[ \t]*:", re.IGNORECASE)


class Unsettled(Enum):
    """The bytes so far do not decide it."""

    MORE = "more"


def told_name(data: bytes) -> str | Unsettled | None:
    """Read the name; None if these bytes tell none. Feed all bytes since the start, until it is settled."""
    if len(data) > _MOST_BYTES:
        return None
    try:
        return _server_name(data) if data[:1] == b"\x16" else _http_host(data)
    except (struct.error, IndexError):
        return Unsettled.MORE


@dataclass(frozen=True, slots=True)
class ProxyRequest:
    """A request that stands at the beginning of some bytes: for which server, and how long it is."""

    name: str
    size: int
    is_tunnel: bool  # what follows is between the guest and that server


def proxy_request(data: bytes) -> ProxyRequest | Unsettled | None:
    """Read a request without a body; None if it is anything else. Feed all bytes since the one before."""
    end = _HEAD_END.search(data)
    if end is None:
        return Unsettled.MORE if len(data) <= _MOST_BYTES else None
    head = data[: end.end()]
    name = _http_host(head)
    if not isinstance(name, str) or not _WITHOUT_BODY.match(head) or _BODY.search(head):
        return None
    return ProxyRequest(name, len(head), head.startswith(b"CONNECT "))


def _server_name(data: bytes) -> str | None:
    hello = _client_hello(data)
    if hello is None:
        return None
    at = 34  # version and random
    at += 1 + hello[at]  # session
    at += 2 + _number(hello, at)  # ciphers
    at += 1 + hello[at]  # compressions
    end = at + 2 + _number(hello, at) if at < len(hello) else at
    at += 2
    while at + 4 <= end:
        kind, length = struct.unpack_from("!HH", hello, at)
        if kind == _SERVER_NAME:
            return _plain(hello[at + 9 : at + 9 + _number(hello, at + 7)])
        at += 4 + length
    return None


def _client_hello(data: bytes) -> bytes | None:
    """Put the message together from its records; None if it is something else."""
    message, at = b"", 0
    while True:
        kind, version, length = struct.unpack_from("!BHH", data, at)
        if kind != _HANDSHAKE or version >> 8 != 3:
            return None
        message += data[at + 5 : at + 5 + length]
        if message and message[0] != _CLIENT_HELLO:
            return None
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return message[4 : 4 + int.from_bytes(message[1:4], "big")]
        at += 5 + length


def _http_host(data: bytes) -> str | Unsettled | None:
    if b"\n" not in data:
        return Unsettled.MORE if not data or _LINE_START.fullmatch(data) else None
    if not _REQUEST.match(data):
        return None
    head, is_whole, _ = re.sub(rb"\r\n", b"\n", data).partition(b"\n\n")
    if not is_whole:
        return Unsettled.MORE
    found = _AUTHORITY.match(head) or _ABSOLUTE.match(head) or _HOST.search(head)
    return _plain(re.sub(rb"^.*@|:\d*$", b"", found[1])) if found else None


def _number(data: bytes, at: int) -> int:
    return int(struct.unpack_from("!H", data, at)[0])


def _plain(name: bytes) -> str:
    return readable(name).rstrip(".")
