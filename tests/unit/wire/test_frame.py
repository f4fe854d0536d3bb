"""Frames are found whatever surrounds them, and nothing but the protocol's own error comes out."""

from __future__ import annotations

import contextlib
import itertools
from binascii import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.wire.error import FrameLost, FrameVersionUnknown, MessageMalformed, WireError
from terraphim_runner.wire.frame import HEADER_SIZE, MAGIC, MAX_PAYLOAD, Frame, FrameDecoder, encode_frame

U32 = st.integers(0, 2**32 - 1)
FRAMES = st.tuples(st.integers(0, 255), U32, U32, st.binary(max_size=300))
NOISE = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda cut, payload: encode_frame(1, 2, 3, payload)[:cut], st.integers(0, 60), st.binary(max_size=80)
    ),
    st.builds(lambda tail: MAGIC + tail, st.binary(max_size=40)),
    st.sampled_from([MAGIC, MAGIC[:1], MAGIC[:3], MAGIC * 20]),
)


def fields(frame: Frame) -> tuple[int, int, int, bytes]:
    return frame.kind, frame.sequence, frame.channel, frame.payload


def fed(decoder: FrameDecoder, data: bytes, cuts: list[int]) -> list[tuple[int, int, int, bytes]]:
    found: list[tuple[int, int, int, bytes]] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        found += map(fields, decoder.feed(data[start:end]))
    return found


@given(st.lists(FRAMES, max_size=8), st.lists(st.integers(0, 5000), max_size=20))
def test_frames_come_out_as_they_went_in_however_they_are_cut(
    frames: list[tuple[int, int, int, bytes]], cuts: list[int]
) -> None:
    decoder = FrameDecoder()
    data = b"".join(encode_frame(*frame) for frame in frames)

    assert fed(decoder, data, cuts) == frames
    assert (decoder.noise, decoder.buffered) == (0, 0)


@given(st.lists(st.tuples(NOISE, FRAMES), max_size=6), st.lists(st.integers(0, 5000), max_size=10))
def test_noise_between_frames_loses_none(
    parts: list[tuple[bytes, tuple[int, int, int, bytes]]], cuts: list[int]
) -> None:
    decoder = FrameDecoder()
    data = b"".join(noise + encode_frame(*frame) for noise, frame in parts)
    found = fed(decoder, data + bytes(MAX_FRAME), cuts)

    assert [frame for _, frame in parts] == [frame for frame in found if frame in [part[1] for part in parts]]


MAX_FRAME = HEADER_SIZE + 400


@given(st.binary(max_size=500), st.lists(st.integers(0, 500), max_size=10))
def test_any_bytes_at_all_raise_nothing_but_the_protocols_own_error(data: bytes, cuts: list[int]) -> None:
    decoder = FrameDecoder(noise_limit=100)
    with contextlib.suppress(WireError):
        fed(decoder, data, cuts)
    assert decoder.buffered <= len(data)


@given(FRAMES, st.data())
def test_a_frame_with_a_byte_changed_is_not_delivered(
    frame: tuple[int, int, int, bytes], data: st.DataObject
) -> None:
    encoded = bytearray(encode_frame(*frame))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    decoder = FrameDecoder()
    try:
        found = [fields(each) for each in decoder.feed(encoded)]
    except FrameVersionUnknown:
        found = []

    assert frame not in found


@given(FRAMES, st.integers(1, 10_000))
def test_a_frame_that_is_cut_off_gives_way_to_the_next(frame: tuple[int, int, int, bytes], cut: int) -> None:
    whole = encode_frame(7, 8, 9, b"whole")
    piece = encode_frame(*frame)
    decoder = FrameDecoder()
    found = decoder.feed(piece[: len(piece) - 1 - cut % len(piece)] + whole + bytes(MAX_FRAME))

    assert (7, 8, 9, b"whole") in map(fields, found)


def test_noise_does_not_pile_up() -> None:
    decoder = FrameDecoder()
    for _ in range(100):
        decoder.feed(b"noise" * 1000)

    assert decoder.buffered == 0
    assert decoder.noise == 500_000


def test_a_decoder_holds_no_more_than_one_frame() -> None:
    decoder = FrameDecoder()
    frame = encode_frame(1, 0, 0, bytes(MAX_PAYLOAD))
    for start in range(0, len(frame) - 1, 65536):
        decoder.feed(frame[start : min(start + 65536, len(frame) - 1)])

    assert decoder.buffered == len(frame) - 1


def test_too_much_noise_is_an_error_where_there_is_a_limit() -> None:
    decoder = FrameDecoder(noise_limit=1000)
    with pytest.raises(FrameLost):
        decoder.feed(bytes(2000))


def test_headers_that_lie_about_their_payload_use_up_the_limit() -> None:
    """A hostile end nests headers so that each byte makes the other end checksum a megabyte."""
    lie = encode_frame(1, 0, 0, b"x" * 1000)[:HEADER_SIZE]
    decoder = FrameDecoder(noise_limit=5000)
    with pytest.raises(FrameLost):
        decoder.feed(lie * 200)


def test_a_payload_that_is_too_long_cannot_be_sent() -> None:
    with pytest.raises(MessageMalformed, match=str(MAX_PAYLOAD)):
        encode_frame(1, 0, 0, bytes(MAX_PAYLOAD + 1))


def test_a_frame_of_another_layout_is_told_apart_from_noise() -> None:
    other = bytearray(encode_frame(1, 0, 0, b""))
    other[4] = 2
    other[HEADER_SIZE - 4 :] = crc32(other[: HEADER_SIZE - 4]).to_bytes(4, "big")
    with pytest.raises(FrameVersionUnknown, match="layout 2"):
        FrameDecoder().feed(other)


def test_what_only_looks_like_a_frame_but_for_its_magic_is_noise() -> None:
    """Its checksums may be right: somebody else's frames are."""
    other = bytearray(encode_frame(1, 0, 0, b"theirs"))
    other[:4] = b"else"
    other[HEADER_SIZE - 4 : HEADER_SIZE] = crc32(other[: HEADER_SIZE - 4]).to_bytes(4, "big")
    ours = encode_frame(2, 0, 0, b"ours")
    assert fed(FrameDecoder(), bytes(other) + ours, []) == [(2, 0, 0, b"ours")]
