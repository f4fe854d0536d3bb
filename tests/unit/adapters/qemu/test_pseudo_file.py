"""Work trees as mksquashfs's definitions."""

from __future__ import annotations

import stat

import pytest

from terraphim_runner.adapters.qemu.pseudo_file import Entry, definitions

FILE, LINK, DIRECTORY = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777, stat.S_IFDIR | 0o750


def test_parents_come_before_what_is_in_them_once() -> None:
    """Nobody named them; they belong to the user."""
    entries = [Entry(b"a/b/c", b"/s/a/b/c", FILE), Entry(b"a/b/d", b"/s/a/b/d", FILE)]

    assert definitions(entries, 1, 2) == (
        b'"a" d 755 1 2\n"a/b" d 755 1 2\n"a/b/c" l "/s/a/b/c"\n"a/b/d" l "/s/a/b/d"\n'
    )


def test_links_are_written_with_their_target_as_it_is() -> None:
    """Mksquashfs would break a link to a link."""
    entries = [Entry(b"l", b"/s/l", LINK, b"with space/\xff")]

    assert definitions(entries, 1, 2) == b'"l" s 777 1 2 with space/\xff\n'


def test_a_directory_keeps_its_mode() -> None:
    """Empty ones included."""
    assert definitions([Entry(b"d", b"/s/d", DIRECTORY)], 1, 2) == b'"d" d 750 1 2\n'


def test_quotes_and_backslashes_are_escaped() -> None:
    """In names on either side."""
    entries = [Entry(b'a"\\b', b'/s/a"\\b', FILE)]

    assert definitions(entries, 1, 2) == b'"a\\"\\\\b" l "/s/a\\"\\\\b"\n'


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"a\nb", b"/s/a", FILE),
        Entry(b"a", b"/s/a\nb", FILE),
        Entry(b"l", b"/s/l", LINK, b"a\nb"),
        Entry(b"l", b"/s/l", LINK, b" leading"),
        Entry(b"p", b"/s/p", stat.S_IFIFO | 0o644),
    ],
)
def test_what_cannot_be_written_is_refused(entry: Entry) -> None:
    """The tree then goes another way; a wrong file would be worse."""
    with pytest.raises(ValueError, match=r"written|neither"):
        definitions([entry], 1, 2)
