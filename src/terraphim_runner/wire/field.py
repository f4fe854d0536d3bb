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
    Reader: TypeAlias = Callable[
        [bytes, int], tuple[Any, int]
    ]  # a payload and a place in it: the value, and the end

Number = int  # 0 to 2**64 - 1
Flag = bool
Text = str  # UTF-8; other bytes survive as surrogate escapes
Blob = bytes
Texts = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]
Files = tuple[tuple[str, bytes], ...]  # paths and contents

_NUMBER = Struct(">Q")
_LENGTH = Struct(">I")


def _check_end(data: bytes, end: int) -> None:
    if end > len(data):
        raise MessageMalformed(f"a payload of {len(data)} bytes ends too early")


def _take(data: bytes, start: int, end: int) -> bytes:
    _check_end(data, end)
    return data[start:end]


def _write_number(value: int) -> bytes:
    try:
        return _NUMBER.pack(value)
    except error as exc:
        raise MessageMalformed(f"not a number from 0 to 2**64 - 1: {value!r}") from exc


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    _check_end(data, at + _NUMBER.size)
    return _NUMBER.unpack_from(data, at)[0], at + _NUMBER.size


def _write_flag(value: bool) -> bytes:  # noqa: FBT001 - a value, not a switch
    return b"\1" if value else b"\0"


def _read_flag(data: bytes, at: int) -> tuple[bool, int]:
    byte = _take(data, at, at + 1)[0]
    if byte > 1:
        raise MessageMalformed(f"a flag is 0 or 1, not {byte}")
    return byte == 1, at + 1


def _write_blob(value: bytes) -> bytes:
    return _LENGTH.pack(len(value)) + value


def _read_blob(data: bytes, at: int) -> tuple[bytes, int]:
    length, start = _read_length(data, at)
    end = start + length
    return _take(data, start, end), end


def _read_length(data: bytes, at: int) -> tuple[int, int]:
    _check_end(data, at + _LENGTH.size)
    return _LENGTH.unpack_from(data, at)[0], at + _LENGTH.size


def _write_text(value: str) -> bytes:
    try:
        return _write_blob(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError as exc:
        raise MessageMalformed(f"text that is not Unicode: {value!r}") from exc


def _read_text(data: bytes, at: int) -> tuple[str, int]:
    blob, end = _read_blob(data, at)
    return blob.decode("utf-8", "surrogateescape"), end


def _write_texts(values: Texts) -> bytes:
    return b"".join((_LENGTH.pack(len(values)), *map(_write_text, values)))


def _read_texts(data: bytes, at: int) -> tuple[Texts, int]:
    count, at = _read_length(data, at)
    texts: list[str] = []
    while len(texts) < count:
        text, at = _read_text(data, at)
        texts.append(text)
    return tuple(texts), at


def _write_pairs(values: Pairs) -> bytes:
    return _write_texts(tuple(text for pair in values for text in pair))


def _read_pairs(data: bytes, at: int) -> tuple[Pairs, int]:
    count, at = _read_length(data, at)
    if count % 2:
        raise MessageMalformed(f"pairs made of {count} texts")
    pairs: list[tuple[str, str]] = []
    while len(pairs) * 2 < count:
        name, at = _read_text(data, at)
        value, at = _read_text(data, at)
        pairs.append((name, value))
    return tuple(pairs), at


def _write_files(values: Files) -> bytes:
    pieces = [_LENGTH.pack(len(values))]
    for path, content in values:
        pieces += (_write_text(path), _write_blob(content))
    return b"".join(pieces)


def _read_files(data: bytes, at: int) -> tuple[Files, int]:
    count, at = _read_length(data, at)
    files: list[tuple[str, bytes]] = []
    while len(files) < count:
        path, at = _read_text(data, at)
        content, at = _read_blob(data, at)
        files.append((path, content))
    return tuple(files), at


KINDS: dict[str, tuple[Writer, Reader]] = {
    "Number": (_write_number, _read_number),
    "Flag": (_write_flag, _read_flag),
    "Text": (_write_text, _read_text),
    "Blob": (_write_blob, _read_blob),
    "Texts": (_write_texts, _read_texts),
    "Pairs": (_write_pairs, _read_pairs),
    "Files": (_write_files, _read_files),
}
