"""Files travel into a guest's tree with their modes and numeric owners."""

from __future__ import annotations

import io
import tarfile

from terraphim_runner.adapters.images.tree_file import TreeFile, write_tar


def test_path_content_mode_and_owner_arrive() -> None:
    data = write_tar([TreeFile("/etc/x", b"hello", 0o4755, (1001, 60))])

    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        content = archive.extractfile(member)
        assert content is not None
        assert (
            member.name,
            content.read(),
            member.mode,
            member.uid,
            member.gid,
        ) == ("etc/x", b"hello", 0o4755, 1001, 60)


def test_no_file_is_older_than_a_zip_archive_can_tell() -> None:
    with tarfile.open(fileobj=io.BytesIO(write_tar([TreeFile("/x", b"")]))) as archive:
        assert archive.getmembers()[0].mtime > 315_532_800
