"""What is read of DNS messages."""

from __future__ import annotations

import struct
from contextlib import suppress
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.egress.dns_message import (
    NO_SUCH_NAME,
    DnsInvalid,
    addresses,
    is_answer_to,
    parse_question,
    refuse,
)


def name(text: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in text.split("."))
    return labels + b"\0"


def query(text: str, kind: int = 1) -> bytes:
    return struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + name(text) + struct.pack("!HH", kind, 1)


def record(kind: int, content: bytes) -> bytes:
    return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 60, len(content)) + content


def answer(text: str, *records: bytes) -> bytes:
    return struct.pack("!6H", 7, 0x8180, 1, len(records), 0, 0) + query(text)[12:] + b"".join(records)


def test_a_question_is_read_in_lower_case() -> None:
    question = parse_question(query("PyPI.org", 28))

    assert (question.name, question.type) == ("pypi.org", "AAAA")


def test_addresses_are_found_behind_aliases() -> None:
    alias = record(5, name("cdn.example"))
    found = addresses(answer("a.org", alias, record(1, bytes([1, 2, 3, 4])), record(1, bytes([5, 6, 7, 8]))))

    assert found == [IPv4Address("1.2.3.4"), IPv4Address("5.6.7.8")]


def test_a_refusal_answers_the_question() -> None:
    asked = query("a.org") + b"more that follows, such as an OPT record"
    refusal = refuse(asked, parse_question(asked), NO_SUCH_NAME)

    assert is_answer_to(asked, refusal)
    assert refusal[3] & 0x0F == NO_SUCH_NAME
    assert refusal[12:] == query("a.org")[12:]


def test_an_answer_to_another_query_is_none() -> None:
    asked = query("a.org")

    assert not is_answer_to(asked, b"\x00\x08" + answer("a.org")[2:])
    assert not is_answer_to(asked, asked)


def test_a_label_that_looks_like_several_is_told_apart() -> None:
    """Else it would pass for a name on the allow list; and what is odd is made harmless for terminals."""
    odd = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + b"\x08pypi.org\x02\x1b[\0" + struct.pack("!HH", 1, 1)

    assert parse_question(odd).name == "pypi\\046org.\\027["


@pytest.mark.parametrize("message", [b"", query("a.org")[:14], answer("a.org"), query("a.org")[:12] + b"\xc0\x0c"])
def test_what_is_no_query_is_refused(message: bytes) -> None:
    with pytest.raises(DnsInvalid):
        parse_question(message)


@given(st.binary(max_size=200))
def test_no_message_breaks_the_reader(message: bytes) -> None:
    addresses(message)
    with suppress(DnsInvalid):
        parse_question(message)
