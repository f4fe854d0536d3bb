"""What must be understood of DNS messages: the question, and the addresses of an answer. Pure."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address

_HEADER = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_A = 1
_INTERNET = 1
_IS_RESPONSE = 0x8000
_KEPT_FLAGS = 0x7900  # operation code and "recursion desired": an answer repeats them
_RECURSION_AVAILABLE = 0x0080
_OPERATION = 0x7800  # 0: a question; others notify name servers, or change what they know
_TRANSFERS = frozenset({251, 252})  # of all that a server knows of a zone
NO_SUCH_NAME = 3
NOT_IMPLEMENTED = 4
REFUSED = 5
SERVER_FAILURE = 2
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    33: "SRV",
    65: "HTTPS",
}


class DnsInvalid(ValueError):
    """It is no DNS message that can be understood."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked."""

    name: str  # in lower case, without the last dot
    type: str
    end: int  # where it ends in the message
    refusal: int | None = None  # the code to answer with, where it is nothing that a guest may ask


def parse_question(message: bytes) -> Question:
    """Read a query's only question.

    Raises:
        DnsInvalid: it is no query with one question.
    """
    try:
        _, flags, questions, *_ = _HEADER.unpack_from(message)
        if flags & _IS_RESPONSE or questions != 1:
            raise DnsInvalid
        name, end = _read_name(message, _HEADER.size)
        kind, network = struct.unpack_from("!HH", message, end)
    except (struct.error, IndexError) as error:
        raise DnsInvalid from error
    refusal = None
    if flags & _OPERATION:
        refusal = NOT_IMPLEMENTED
    elif network != _INTERNET or kind in _TRANSFERS:
        refusal = REFUSED
    return Question(name, _TYPES.get(kind, str(kind)), end + 4, refusal)


def refuse(query: bytes, question: Question, code: int) -> bytes:
    """Write the answer that says no."""
    number, flags, *_ = _HEADER.unpack_from(query)
    answer_flags = _IS_RESPONSE | flags & _KEPT_FLAGS | _RECURSION_AVAILABLE | code
    return _HEADER.pack(number, answer_flags, 1, 0, 0, 0) + query[_HEADER.size : question.end]


def is_answer_to(query: bytes, answer: bytes) -> bool:
    """Tell whether an answer is to this very query."""
    return len(answer) >= _HEADER.size and answer[:2] == query[:2] and bool(answer[2] & _IS_RESPONSE >> 8)


def addresses(answer: bytes) -> list[IPv4Address]:
    """List the IPv4 addresses in an answer; of a broken one those before the break."""
    found: list[IPv4Address] = []
    try:
        _, _, questions, records, *_ = _HEADER.unpack_from(answer)
        at = _HEADER.size
        for _ in range(questions):
            at = _read_name(answer, at)[1] + 4
        for _ in range(records):
            at = _read_name(answer, at)[1]
            kind, network, _, length = _RECORD.unpack_from(answer, at)
            at += _RECORD.size + length
            if (kind, network, length) == (_A, _INTERNET, 4):
                found.append(IPv4Address(answer[at - 4 : at]))
    except (struct.error, IndexError, DnsInvalid, ValueError):
        pass
    return found


def readable(name: bytes) -> str:
    """Give a name in lower case, whatever a guest put into it: it will be logged, and shown on terminals."""
    return "".join(chr(byte) if 0x20 < byte < 0x7F else f"\\{byte:03}" for byte in name).lower()


def _read_name(message: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    end = -1  # where reading goes on after the first jump
    for _ in range(128):  # a name has no more labels, and jumps may go in circles
        length = message[at]
        if length >= 0xC0:
            end = at + 2 if end == -1 else end
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length == 0:
            return ".".join(labels), at + 1 if end == -1 else end
        else:
            labels.append(readable(message[at + 1 : at + 1 + length]).replace(".", "\\046"))
            at += 1 + length
    raise DnsInvalid
