"""What a connection's first bytes tell."""

from __future__ import annotations

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.egress.told_name import ProxyRequest, Unsettled, proxy_request, told_name

MORE = Unsettled.MORE


def client_hello(server_name: str | None) -> bytes:
    """Have a real client write one."""
    context = ssl.create_default_context()
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=server_name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


HELLO = client_hello("Files.PythonHosted.org")


def test_tls_tells_its_server_name() -> None:
    assert told_name(HELLO) == "files.pythonhosted.org"


def test_tls_may_tell_none() -> None:
    assert told_name(client_hello(None)) is None


@given(st.integers(1, len(HELLO) - 1))
def test_a_part_of_a_hello_decides_nothing(length: int) -> None:
    assert told_name(HELLO[:length]) is MORE


@given(st.integers(1, 200))
def test_a_hello_may_be_cut_into_records(size: int) -> None:
    """As a client does that wants to slip by."""
    message = HELLO[5:]
    pieces = [message[start : start + size] for start in range(0, len(message), size)]
    records = b"".join(b"\x16\x03\x01" + len(piece).to_bytes(2, "big") + piece for piece in pieces)

    assert told_name(records) == "files.pythonhosted.org"
    assert told_name(records[:-1]) is MORE


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (b"GET / HTTP/1.1\r\nHost: A.org\r\n\r\n", "a.org"),
        (b"GET / HTTP/1.1\r\nAccept: */*\r\nhost:a.org:8080\r\n\r\n", "a.org"),
        (b"ODD / HTTP/1.1\nHost: a.org\n\n", "a.org"),
        (b"GET http://user@b.org:81/x HTTP/1.1\r\nHost: a.org\r\n\r\n", "b.org"),
        (b"CONNECT b.org:443 HTTP/1.1\r\nHost: a.org\r\n\r\n", "b.org"),
        (b"GET / HTTP/1.0\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\nHost: a.org\r\n", MORE),
        (b"GET / HT", MORE),
        (b"G", MORE),
        (b"", MORE),
        (b"SSH-2.0-OpenSSH_9.2\r\n", None),
        (b"\x00\x00\x00\x08\x04\xd2\x16\x2f", None),
        (b"\x17\x03\x03\x00\x01x", None),
    ],
)
def test_http_tells_its_host(request_: bytes, told: str | Unsettled | None) -> None:
    assert told_name(request_) == told


def test_what_does_not_come_to_a_point_is_not_held_for_ever() -> None:
    assert told_name(b"A" * 70_000) is None


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda data: b"\x16\x03\x01" + data))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    told_name(data)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"GET http://b.org/x HTTP/1.1\r\nHost: a.org\r\n\r\nGET ", ProxyRequest("b.org", 44, is_tunnel=False)),
        (b"HEAD /x HTTP/1.1\nHost: a.org\n\n", ProxyRequest("a.org", 30, is_tunnel=False)),
        (b"CONNECT b.org:443 HTTP/1.1\r\n\r\n\x16", ProxyRequest("b.org", 30, is_tunnel=True)),
        (b"GET http://b.org/x HTTP/1.1\r\n", MORE),
        (b"", MORE),
        (b"POST http://b.org/x HTTP/1.1\r\n\r\n", None),
        (b"GET http://b.org/x HTTP/1.1\r\nContent-Length: 9\r\n\r\n", None),
        (b"GET http://b.org/x HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n", None),
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (b"hello\n\n", None),
        (b"A" * 70_000, None),
    ],
)
def test_a_request_to_a_proxy_is_read_to_its_end(
    request_: bytes, expected: ProxyRequest | Unsettled | None
) -> None:
    """What has a body is none that can be told from the next request."""
    assert proxy_request(request_) == expected
