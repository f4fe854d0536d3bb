"""Frames: how messages are cut out of a stream of bytes that may contain noise.

    magic 4, layout 1, kind 1, sequence 4, channel 4, length 4, payload's checksum 4, header's checksum 4, payload

All big-endian. Magic, layout and the header's checksum keep their places in every layout, so that a layout that
is not understood is told apart from noise. The header has its own checksum so that noise that looks like the magic
cannot make the decoder wait for a payload that never comes.
"""

from __future__ import annotations

from binascii import crc32
from struct import Struct

from terraphim_runner.wire.error import FrameLost, FrameVersionUnknown, MessageMalformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Bytes: TypeAlias = bytes | bytearray | memoryview

MAGIC = b"\xd7TR\x1a"
LAYOUT = 1
MAX_PAYLOAD = 8 * 1024 * 1024  # a command with its files, and 2 MiB of argv and env, which is what Linux takes

_HEADER = Struct(">4sBBIIII")
_CHECKSUM = Struct(">I")
_WHOLE = Struct(">4sBBIIIII")  # both of them
HEADER_SIZE = _WHOLE.size


class Frame:
    """A frame that arrived whole."""

    __slots__ = ("channel", "kind", "payload", "sequence")

    def __init__(self, kind: int, sequence: int, channel: int, payload: bytes) -> None:
        """Take the header's fields and the payload."""
        self.kind = kind
        self.sequence = sequence
        self.channel = channel
        self.payload = payload


def encode_frame(kind: int, sequence: int, channel: int, payload: bytes) -> bytes:
    """Give the bytes of one frame.

    Raises:
        MessageMalformed: the payload is too long for a frame.
    """
    if len(payload) > MAX_PAYLOAD:
        raise MessageMalformed(f"a message of {len(payload)} bytes; the most is {MAX_PAYLOAD}")
    header = _HEADER.pack(MAGIC, LAYOUT, kind, sequence, channel, len(payload), crc32(payload))
    return header + _CHECKSUM.pack(crc32(header)) + payload


def _take_whole(data: Bytes, frames: list[Frame]) -> Bytes:
    """Move the frames at the front that are whole, which is the rule, to `frames`; give the rest.

    In as few different operations as possible: in a clone's first exchange under emulation each costs.
    """
    at = 0
    while len(data) - at >= HEADER_SIZE:
        magic, layout, kind, sequence, channel, length, payload_crc, header_crc = _WHOLE.unpack_from(data, at)
        start = at + HEADER_SIZE
        end = start + length
        if magic != MAGIC or layout != LAYOUT or end > len(data) or length > MAX_PAYLOAD:
            break
        payload = data[start:end]
        if type(payload) is not bytes:
            payload = bytes(payload)
        if crc32(data[at : at + _HEADER.size]) != header_crc or crc32(payload) != payload_crc:
            break
        frames.append(Frame(kind, sequence, channel, payload))
        at = end
    return data[at:] if at else data


class FrameDecoder:
    """Finds the frames in bytes fed piece by piece; skips noise and counts it.

    Holds at most one frame and what was fed last. With `noise_limit`, gives up once about so much noise came:
    an end that does not trust the other bounds with it the work of searching.
    """

    def __init__(self, noise_limit: int | None = None) -> None:
        """Start with nothing."""
        self._buffer = bytearray()
        self._noise_limit = noise_limit
        self._wasted = 0
        self.noise = 0  # bytes skipped so far

    @property
    def buffered(self) -> int:
        """Tell how many bytes are held back for the rest of their frame."""
        return len(self._buffer)

    def feed(self, data: Bytes) -> list[Frame]:
        """Take bytes, give the frames they complete.

        Raises:
            FrameVersionUnknown: a frame of another layout came.
            FrameLost: more noise than the limit came.
        """
        frames: list[Frame] = []
        if not self._buffer:
            data = _take_whole(data, frames)
            if not data:
                return frames
        self._buffer += data
        while self._find_header():
            length, payload_crc = self._read_length()
            end = HEADER_SIZE + length
            if len(self._buffer) < end:
                break
            payload = bytes(memoryview(self._buffer)[HEADER_SIZE:end])
            if crc32(payload) != payload_crc:
                self._skip(1, work=length)
                continue
            _, _, kind, sequence, channel, _, _ = _HEADER.unpack_from(self._buffer)
            frames.append(Frame(kind, sequence, channel, payload))
            del self._buffer[:end]
        return frames

    def _read_length(self) -> tuple[int, int]:
        fields = _HEADER.unpack_from(self._buffer)
        return fields[5], fields[6]

    def _find_header(self) -> bool:
        while self._find_magic():
            if len(self._buffer) < HEADER_SIZE:
                return False
            if self._is_header_whole():
                return True
            self._skip(1, work=HEADER_SIZE)
        return False

    def _is_header_whole(self) -> bool:
        (checksum,) = _CHECKSUM.unpack_from(self._buffer, _HEADER.size)
        if crc32(memoryview(self._buffer)[: _HEADER.size]) != checksum:
            return False
        layout, length = self._buffer[4], self._read_length()[0]
        if layout != LAYOUT:
            raise FrameVersionUnknown(f"a frame of layout {layout}; this end knows layout {LAYOUT}")
        return length <= MAX_PAYLOAD

    def _find_magic(self) -> bool:
        start = self._buffer.find(MAGIC)
        if start < 0:
            start = len(self._buffer) - self._partial_magic()
        if start:
            self._skip(start, work=0)
        return len(self._buffer) >= len(MAGIC)

    def _partial_magic(self) -> int:
        for size in range(len(MAGIC) - 1, 0, -1):
            if self._buffer.endswith(MAGIC[:size]):
                return size
        return 0

    def _skip(self, size: int, work: int) -> None:
        del self._buffer[:size]
        self.noise += size
        self._wasted += size + work
        if self._noise_limit is not None and self._wasted > self._noise_limit:
            raise FrameLost(f"{self.noise} bytes of noise on the line")
