"""Lines out of chunks, in bounded memory."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.executor.line import MAX_LINE_BYTES, LineSplitter


def _split(chunks: list[bytes]) -> list[str]:
    splitter = LineSplitter()
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.finish()


def test_lines_end_at_line_feeds_with_or_without_carriage_return() -> None:
    assert _split([b"a\nb\r\n\nc"]) == ["a", "b", "", "c"]


def test_bytes_that_are_no_utf8_are_replaced_not_lost() -> None:
    assert _split([b"a\xffb\n"]) == ["a\ufffdb"]


@given(st.lists(st.sampled_from(["ä", "\n", "x", "€", "\r\n", "𝄞"]), max_size=60), st.lists(st.integers(1, 7)))
def test_where_chunks_are_cut_makes_no_difference(parts: list[str], cuts: list[int]) -> None:
    data = "".join(parts).encode()
    chunks, rest = [], data
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]

    assert _split([*chunks, rest]) == _split([data])


def test_p9_an_endless_line_is_passed_on_in_pieces_whole_characters_each() -> None:
    splitter = LineSplitter()
    lines: list[str] = []
    for _ in range(9):
        lines += splitter.feed("€".encode() * (MAX_LINE_BYTES // 8))
        assert len(splitter._unfinished) <= MAX_LINE_BYTES + 4  # what is kept is the point

    lines += splitter.finish()
    assert set("".join(lines)) == {"€"}
    assert len("".join(lines)) == 9 * (MAX_LINE_BYTES // 8)


@given(st.integers(0, 5))
def test_p9_a_piece_never_ends_within_a_character_whose_rest_has_not_come_yet(before: int) -> None:
    """Chunks end anywhere."""
    splitter = LineSplitter()
    data = b"-" * (MAX_LINE_BYTES - before) + "€€€€".encode()

    lines = splitter.feed(data[: MAX_LINE_BYTES - before])
    for index in range(MAX_LINE_BYTES - before, len(data)):
        lines += splitter.feed(data[index : index + 1])

    assert "".join(lines + splitter.finish()) == data.decode()
