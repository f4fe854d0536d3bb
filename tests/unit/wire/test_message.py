"""Messages are frozen records that survive the way to bytes and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.wire import message as messages
from terraphim_runner.wire.error import MessageMalformed
from terraphim_runner.wire.message import Data, Exec, Message, Ping, Pong, decode_message

TEXT = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")),
)
NUMBER = st.integers(0, 2**64 - 1)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Number": NUMBER,
    "Flag": st.booleans(),
    "Text": TEXT,
    "Blob": st.binary(),
    "Texts": st.lists(TEXT, max_size=4).map(tuple),
    "Pairs": st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    "Files": st.lists(st.tuples(TEXT, st.binary()), max_size=4).map(tuple),
}
CLASSES = [
    cls
    for cls in vars(messages).values()
    if isinstance(cls, type) and issubclass(cls, Message) and cls is not Message
]


def build(cls: Any) -> st.SearchStrategy[Message]:
    return st.builds(cls, st.integers(0, 2**32 - 1), *(VALUES[kind] for kind in cls.__annotations__.values()))


MESSAGES = st.one_of([build(cls) for cls in CLASSES])


@given(MESSAGES)
def test_a_message_survives_the_way_to_bytes_and_back(message: Message) -> None:
    assert decode_message(message.kind, message.channel, message.encode()) == message


@given(MESSAGES, st.data())
def test_a_payload_that_is_cut_short_or_too_long_is_refused(message: Message, data: st.DataObject) -> None:
    payload = message.encode()
    with pytest.raises(MessageMalformed):
        decode_message(message.kind, message.channel, payload + b"\0")
    if payload:
        with pytest.raises(MessageMalformed):
            decode_message(message.kind, message.channel, payload[: data.draw(st.integers(0, len(payload) - 1))])


@given(st.integers(0, 255), st.binary())
def test_any_payload_is_a_message_or_malformed(kind: int, payload: bytes) -> None:
    try:
        message = decode_message(kind, 1, payload)
    except MessageMalformed:
        return
    assert message.encode() == payload


def test_kinds_are_unique() -> None:
    assert len({cls.kind for cls in CLASSES}) == len(CLASSES)


def test_messages_are_equal_by_class_and_content() -> None:
    assert Ping(1) == Ping(1)
    assert Ping(1) != Ping(2)
    assert Ping(1) != Pong(1)
    assert len({Ping(1), Ping(1), Pong(1)}) == 2


def test_messages_are_frozen_and_say_what_they_are() -> None:
    data = Data(1, stream=2, content=b"x")
    with pytest.raises(AttributeError):
        data.stream = 3  # type: ignore[misc]

    assert repr(data) == "Data(channel=1, stream=2, content=b'x')"


@pytest.mark.parametrize("values", [(), (1,), (1, 2, b"", 4)])
def test_a_message_takes_exactly_its_fields(values: tuple[object, ...]) -> None:
    make: Any = Data
    with pytest.raises(TypeError, match="channel, stream, content"):
        make(*values)


def test_what_cannot_be_written_is_malformed() -> None:
    for message in (
        Data(1, -1, b""),
        Data(1, 2**64, b""),
        Exec(1, "", ("\ud800",), (), "/", "root", False, 1, 1, (), ()),
    ):
        with pytest.raises(MessageMalformed):
            message.encode()
