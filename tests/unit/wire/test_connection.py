"""A conversation notices what was lost, and shrugs off what was never said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.wire.connection import Connection, check_version, choose_version
from terraphim_runner.wire.error import FrameLost, MessageMalformed, VersionMismatch
from terraphim_runner.wire.frame import encode_frame
from terraphim_runner.wire.message import Data, Hello, Message, Ping, Pong, Ready

HELLO = Hello(0, 1, 1, 42)


def greeted() -> tuple[Connection, Connection]:
    host, guest = Connection(Ready), Connection(Hello)
    assert guest.receive(host.send(HELLO)) == [HELLO]
    return host, guest


@given(st.lists(st.binary(max_size=50)), st.lists(st.binary(max_size=30)))
def test_noise_between_messages_is_harmless(contents: list[bytes], noises: list[bytes]) -> None:
    host, guest = greeted()
    found: list[Message] = []
    for number, content in enumerate(contents):
        noise = noises[number % len(noises)] if noises else b""
        found += guest.receive(noise.replace(b"\xd7", b"") + host.send(Data(1, 0, content)))

    assert found == [Data(1, 0, content) for content in contents]


def test_a_lost_frame_is_noticed() -> None:
    host, guest = greeted()
    host.send(Ping(1))
    with pytest.raises(FrameLost):
        guest.receive(host.send(Ping(2)))


def test_a_repeated_frame_is_noticed() -> None:
    host, guest = greeted()
    frame = host.send(Ping(1))
    with pytest.raises(FrameLost):
        guest.receive(frame + frame)


def test_another_end_goes_on_where_one_stopped() -> None:
    host, guest = greeted()
    host.receive(guest.send(Ready(0, 1, 1, 1, 42, "test", 1, "boot", "3.11")))
    host.send(Ping(1))
    assert host.counts == (2, 1)
    other = Connection(Ready, counts=(1, 1))

    assert guest.receive(other.send(Ping(1))) == [Ping(1)]
    assert other.receive(guest.send(Pong(1))) == [Pong(1)]


def test_what_comes_before_the_greeting_was_for_somebody_else() -> None:
    old, host, guest = Connection(Ready), Connection(Ready), Connection(Hello)

    assert guest.receive(old.send(Ping(1)) + host.send(HELLO) + host.send(Ping(2))) == [HELLO, Ping(2)]


def test_a_new_greeting_starts_the_count_anew() -> None:
    _, guest = greeted()
    other = Connection(Ready)

    assert guest.receive(other.send(HELLO) + other.send(Ping(1))) == [HELLO, Ping(1)]


def test_after_a_reset_only_a_greeting_counts() -> None:
    host, guest = greeted()
    guest.reset()

    assert guest.receive(host.send(Ping(1)) + host.send(HELLO)) == [HELLO]


def test_a_message_that_cannot_be_sent_is_not_counted() -> None:
    host, guest = greeted()
    with pytest.raises(MessageMalformed):
        host.send(Data(1, -1, b""))

    assert guest.receive(host.send(Ping(1))) == [Ping(1)]


def test_an_unknown_kind_is_malformed() -> None:
    host, guest = greeted()
    host.send(Ping(1))
    with pytest.raises(MessageMalformed, match="kind 99"):
        guest.receive(encode_frame(99, 1, 0, b""))


def test_both_ends_speak_the_newest_version_they_share() -> None:
    assert choose_version(3, 3) == 3
    assert choose_version(1, 9) == 3
    assert choose_version(1, 2) == 0
    assert choose_version(4, 9) == 0


def test_no_common_version_is_an_error_that_names_both() -> None:
    check_version(3, 3, 3)
    with pytest.raises(VersionMismatch, match=r"4 to 5 .* 3 to 3"):
        check_version(0, 4, 5)
