"""From chunks of bytes to whole lines, in bounded memory."""

from __future__ import annotations

MAX_LINE_BYTES = 256 * 1024  # a longer line is passed on in pieces of this size


class LineSplitter:
    """Split one stream into lines, without their newlines; CR LF counts as one.

    At most one unfinished line is kept. Bytes that are not UTF-8 become U+FFFD.
    """

    def __init__(self) -> None:
        """Start with nothing unfinished."""
        self._unfinished = bytearray()

    def feed(self, data: bytes) -> list[str]:
        """Take a chunk and give the lines that are complete now."""
        self._unfinished += data
        if b"\n" not in data and len(self._unfinished) < MAX_LINE_BYTES:
            return []
        *complete, rest = bytes(self._unfinished).split(b"\n")
        lines = [piece for line in complete for piece in _pieces(line)]
        *full, rest_piece = _raw_pieces(rest)
        self._unfinished = bytearray(rest_piece)
        return lines + [_text(piece) for piece in full]

    def finish(self) -> list[str]:
        """Give the last line if it lacks its newline."""
        rest, self._unfinished = bytes(self._unfinished), bytearray()
        return _pieces(rest) if rest else []


def _pieces(line: bytes) -> list[str]:
    return [_text(piece) for piece in _raw_pieces(line.removesuffix(b"\r"))]


def _raw_pieces(line: bytes) -> list[bytes]:
    if len(line) < MAX_LINE_BYTES:
        return [line]
    pieces = []
    while len(line) >= MAX_LINE_BYTES:
        end = _character_boundary(line)
        pieces.append(line[:end])
        line = line[end:]
    return [*pieces, line]


def _character_boundary(line: bytes) -> int:
    end = MAX_LINE_BYTES
    while end > MAX_LINE_BYTES - 4 and line[end : end + 1] and line[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _text(line: bytes) -> str:
    return line.decode("utf-8", errors="replace")
