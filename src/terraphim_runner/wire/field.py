"""The kinds of fields a message can have, and their bytes.

A message class annotates each field with one of these names; `message` looks the annotation up in `KINDS`.
"""

from __future__ import annotations

from struct import Struct, error

from terraphim_runner.wire.error import MessageMalformed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias

    Writer: TypeAlias = Callable[[Any], bytes]
    Reader: TypeAlias = Callable[["Payload"], Any]

Number = int  # 0 to 2**64 - 1
Flag = bool
Text = str  # UTF-8; other bytes survive as surrogate escapes
Blob = bytes
Texts = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]
Files = tuple[tuple[str, bytes], ...]  # paths and contents

_NUMBER = Struct(">Q")
_LENGTH = Struct(">I")


class Payload:
    """A payload being read from front to back."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        """Start at the front."""
        self._data = data
        self._at = 0

    def take(self, size: int) -> bytes:
        """Give the next bytes.

        Raises:
            MessageMalformed: there are not that many.
        """
        end = self._at + size
        if end > len(self._data):
            raise MessageMalformed(f"a payload of {len(self._data)} bytes ends too early")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def finish(self) -> None:
        """Check that nothing is left.

        Raises:
            MessageMalformed: something is.
        """
        if self._at != len(self._data):
            raise MessageMalformed(f"{len(self._data) - self._at} bytes too many in a payload")


def _write_number(value: int) -> bytes:
    try:
        return _NUMBER.pack(value)
    except error as exc:
        raise MessageMalformed(f"not a number from 0 to 2**64 - 1: {value!r}") from exc


def _read_number(payload: Payload) -> int:
    value: int = _NUMBER.unpack(payload.take(8))[0]
    return value


def _write_flag(value: bool) -> bytes:  # noqa: FBT001 - a value, not a switch
    return b"\1" if value else b"\0"


def _read_flag(payload: Payload) -> bool:
    byte = payload.take(1)
    if byte not in {b"\0", b"\1"}:
        raise MessageMalformed(f"a flag is 0 or 1, not {byte[0]}")
    return byte == b"\1"


def _write_blob(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _read_blob(payload: Payload) -> bytes:
    return payload.take(_read_length(payload))


def _read_length(payload: Payload) -> int:
    length: int = _LENGTH.unpack(payload.take(4))[0]
    return length


def _write_text(value: str) -> bytes:
    try:
        return _write_blob(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as exc:
        raise MessageMalformed(f"text that is not Unicode: {value!r}") from exc


def _read_text(payload: Payload) -> str:
    return _read_blob(payload).decode("utf-8", "surrogateescape")


def _write_texts(values: Texts) -> bytes:
    return b"".join((_LENGTH.pack(len(values)), *map(_write_text, values)))


def _read_texts(payload: Payload) -> Texts:
    return tuple(_read_text(payload) for _ in range(_read_length(payload)))


def _write_pairs(values: Pairs) -> bytes:
    return _write_texts(tuple(text for pair in values for text in pair))


def _read_pairs(payload: Payload) -> Pairs:
    texts = _read_texts(payload)
    if len(texts) % 2:
        raise MessageMalformed(f"pairs made of {len(texts)} texts")
    return tuple(zip(texts[::2], texts[1::2], strict=True))


def _write_files(values: Files) -> bytes:
    pieces = [_LENGTH.pack(len(values))]
    for path, content in values:
        pieces += (_write_text(path), _write_blob(content))
    return b"".join(pieces)


def _read_files(payload: Payload) -> Files:
    return tuple((_read_text(payload), _read_blob(payload)) for _ in range(_read_length(payload)))


KINDS: dict[str, tuple[Writer, Reader]] = {
    "Number": (_write_number, _read_number),
    "Flag": (_write_flag, _read_flag),
    "Text": (_write_text, _read_text),
    "Blob": (_write_blob, _read_blob),
    "Texts": (_write_texts, _read_texts),
    "Pairs": (_write_pairs, _read_pairs),
    "Files": (_write_files, _read_files),
}
