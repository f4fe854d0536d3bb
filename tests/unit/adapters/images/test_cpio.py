"""The kernel's archive format, byte by byte."""

from __future__ import annotations

import stat

from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.adapters.images import cpio


def read_back(data: bytes) -> list[tuple[str, int, bytes, tuple[int, int]]]:
    """Read an archive as the kernel's documentation describes it."""
    members: list[tuple[str, int, bytes, tuple[int, int]]] = []
    at = 0
    while True:
        assert data[at : at + 6] == b"070701"
        fields = [int(data[at + 6 + 8 * n : at + 14 + 8 * n], 16) for n in range(13)]
        name_at = at + 110
        content_at = (name_at + fields[11] + 3) & ~3
        name = data[name_at : name_at + fields[11] - 1].decode()
        if name == "TRAILER!!!":
            return members
        members.append((name, fields[1], data[content_at : content_at + fields[6]], (fields[9], fields[10])))
        at = (content_at + fields[6] + 3) & ~3


@given(st.lists(st.tuples(st.text("abc/", min_size=1), st.binary())))
def test_every_file_comes_back_whole(files: list[tuple[str, bytes]]) -> None:
    entries = [cpio.regular(path, content) for path, content in files]

    assert [(path, content) for path, _, content, _ in read_back(cpio.archive(entries))] == files


def test_modes_and_devices_come_back() -> None:
    data = cpio.archive(
        [cpio.directory("dev"), cpio.character_device("dev/console", 5, 1), cpio.executable("i", b"x")]
    )

    assert read_back(data) == [
        ("dev", stat.S_IFDIR | 0o755, b"", (0, 0)),
        ("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)),
        ("i", stat.S_IFREG | 0o755, b"x", (0, 0)),
    ]
