"""What every VM promises about files and trees, where there are real ones."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.ports.vm import Command, Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from terraphim_runner.ports.vm import Vm

pytestmark = pytest.mark.anyio

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MIB = 1024 * 1024


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def content_of(vm: Vm, path: str) -> bytes:
    async with vm.get_file(path) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def shell(vm: Vm, script: str) -> bytes:
    command = Command(("/bin/sh", "-c", script), env={"PATH": PATH}, cwd="/")
    async with vm.exec(command) as execution:
        output = b"".join([data async for _, data in execution])
        assert (await execution.wait()).is_success, output
        return output


def leftovers(directory: Path) -> list[Path]:
    return list(directory.glob("*back*"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    root.mkdir()
    return root


async def test_directories_are_made_with_what_is_missing_above_them(real_vm: Vm) -> None:
    """In the order given, so that one may lie in another that is empty until then."""
    above = f"{real_vm.work_root}/made"
    await real_vm.make_directories([above, f"{above}/a/b", f"{above}/c"], user="runner")

    assert await shell(real_vm, f"cd {above} && find . | sort") == b".\n./a\n./a/b\n./c\n"
    assert len(set((await shell(real_vm, f"stat -c %U.%a {above} {above}/a {above}/c")).splitlines())) == 1


async def test_a_directory_that_is_there_may_be_empty_and_nothing_else(real_vm: Vm) -> None:
    directory = f"{real_vm.work_root}/there"
    await real_vm.make_directories([directory], user="runner")
    await real_vm.make_directories([directory], user="runner")
    await real_vm.put_file(f"{directory}/file", pieces(b"x"))

    with pytest.raises(FileTransferFailed, match="not empty"):
        await real_vm.make_directories([directory, real_vm.work_root], user="runner")


async def test_a_large_file_comes_back_as_it_went(real_vm: Vm) -> None:
    content = os.urandom(MIB) * 20
    path = f"{real_vm.work_root}/large"
    await real_vm.put_file(path, pieces(content[: 3 * MIB], content[3 * MIB :]))

    assert await content_of(real_vm, path) == content


async def test_an_empty_file_is_a_file(real_vm: Vm) -> None:
    await real_vm.put_file(f"{real_vm.work_root}/empty", pieces())

    assert await content_of(real_vm, f"{real_vm.work_root}/empty") == b""


async def test_a_file_has_the_mode_asked_for(real_vm: Vm) -> None:
    await real_vm.put_file(f"{real_vm.work_root}/script", pieces(b"#!/bin/sh\necho ran\n"), mode=0o755)

    assert await shell(real_vm, f"{real_vm.work_root}/script") == b"ran\n"


async def test_a_file_replaces_the_one_that_was_there(real_vm: Vm) -> None:
    path = f"{real_vm.work_root}/file"
    await real_vm.put_file(path, pieces(b"a long first content"))
    await real_vm.put_file(path, pieces(b"second"))

    assert await content_of(real_vm, path) == b"second"


async def test_a_file_whose_source_fails_is_not_written_at_all(real_vm: Vm) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(MIB)
        raise ZeroDivisionError

    await real_vm.put_file(f"{real_vm.work_root}/d/old", pieces(b"old"))
    with pytest.raises(ZeroDivisionError):
        await real_vm.put_file(f"{real_vm.work_root}/d/old", broken())

    assert await content_of(real_vm, f"{real_vm.work_root}/d/old") == b"old"
    assert await shell(real_vm, f"ls -A {real_vm.work_root}/d") == b"old\n"


async def test_what_cannot_be_written_is_an_error_that_the_vm_survives(real_vm: Vm) -> None:
    for path in ("/proc/no/such", "/", "/usr", "/dev/null/x", "relative", "/tmp/nul\0byte"):
        with pytest.raises(FileTransferFailed):
            await real_vm.put_file(path, pieces(bytes(MIB)))

    await real_vm.put_file(f"{real_vm.work_root}/fine", pieces(b"fine"))
    assert await content_of(real_vm, f"{real_vm.work_root}/fine") == b"fine"


async def test_a_full_disk_is_an_error_that_the_vm_survives(real_vm: Vm) -> None:
    with pytest.raises(FileTransferFailed):
        await real_vm.put_file("/dev/full/file", pieces(bytes(MIB)))

    assert await shell(real_vm, "echo fine") == b"fine\n"


async def test_what_is_no_file_cannot_be_read_and_stops_nobody(real_vm: Vm) -> None:
    await shell(real_vm, f"mkdir -p {real_vm.work_root} && mkfifo {real_vm.work_root}/pipe")
    with anyio.fail_after(60):
        for path in (f"{real_vm.work_root}/pipe", "/dev/zero", "/usr", "relative", f"{real_vm.work_root}/missing"):
            with pytest.raises(FileTransferFailed):
                await content_of(real_vm, path)


async def test_a_file_without_a_size_is_read_to_its_end(real_vm: Vm) -> None:
    assert b"Name:" in await content_of(real_vm, "/proc/self/status")


async def test_reading_may_stop_in_the_middle(real_vm: Vm) -> None:
    await shell(real_vm, f"mkdir -p {real_vm.work_root} && head -c 30000000 /dev/zero > {real_vm.work_root}/large")
    with anyio.fail_after(60):
        async with real_vm.get_file(f"{real_vm.work_root}/large") as chunks:
            await anext(chunks)

        assert await shell(real_vm, "echo fine") == b"fine\n"


async def test_a_tree_keeps_modes_links_and_names(real_vm: Vm, source: Path, tmp_path: Path) -> None:
    long = "/".join(["directory-with-a-long-name"] * 12)
    names = ["plain", "žluť🐛", "with space\nand line", os.fsdecode(b"not-utf8-\xff"), f"{long}/file"]
    for name in names:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    (source / "plain").chmod(0o755)
    (source / "link").symlink_to("plain")
    os.symlink("./plain", source / "untidy")  # noqa: PTH211 - a Path would tidy it up
    await real_vm.put_tree(Tree(source, [*names, "link", "untidy"]), TreePlacement(f"{real_vm.work_root}/tree"))
    await real_vm.get_tree(f"{real_vm.work_root}/tree", tmp_path / "back")

    back = tmp_path / "back"
    assert {name: (back / name).read_bytes() for name in names} == {
        name: name.encode("utf-8", "surrogateescape") for name in names
    }
    assert (back / "link").readlink().as_posix() == "plain"
    assert os.readlink(back / "untidy") == "./plain"  # noqa: PTH115
    assert stat.S_IMODE((back / "plain").stat().st_mode) == 0o755


async def test_a_tree_brings_directories_from_elsewhere(real_vm: Vm, source: Path, tmp_path: Path) -> None:
    elsewhere, empty = tmp_path / "elsewhere", tmp_path / "empty"
    (elsewhere / "refs").mkdir(parents=True)
    (elsewhere / "HEAD").write_text("ref")
    empty.mkdir()
    (source / "file").write_text("file")
    tree = Tree(source, ["file"], extra={".git": elsewhere, "vendor/module": empty})
    await real_vm.put_tree(tree, TreePlacement(f"{real_vm.work_root}/tree"))

    listed = await shell(real_vm, f"cd {real_vm.work_root}/tree && find . | sort")
    assert listed.split() == [
        b".",
        b"./.git",
        b"./.git/HEAD",
        b"./.git/refs",
        b"./file",
        b"./vendor",
        b"./vendor/module",
    ]


async def test_a_tree_of_many_files_arrives(real_vm: Vm, source: Path) -> None:
    names = [f"d{i % 40}/f{i}" for i in range(2000)]
    for name in names:
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_bytes(b"x" * 1000)
    await real_vm.put_tree(Tree(source, names), TreePlacement(f"{real_vm.work_root}/tree"))

    assert (await shell(real_vm, f"find {real_vm.work_root}/tree -type f -size 1000c | wc -l")).split() == [
        b"2000"
    ]


async def test_an_empty_tree_is_an_empty_directory(real_vm: Vm, source: Path) -> None:
    await real_vm.put_tree(Tree(source, ()), TreePlacement(f"{real_vm.work_root}/a/tree"))

    assert await shell(real_vm, f"ls -A {real_vm.work_root}/a/tree") == b""


async def test_a_tree_does_not_go_where_something_is(real_vm: Vm, source: Path) -> None:
    await real_vm.put_file(f"{real_vm.work_root}/tree/file", pieces(b"here"))
    with pytest.raises(FileTransferFailed, match="not empty"):
        await real_vm.put_tree(Tree(source, ()), TreePlacement(f"{real_vm.work_root}/tree"))


async def test_a_tree_that_the_guest_cannot_write_is_an_error_that_the_vm_survives(
    real_vm: Vm, source: Path
) -> None:
    """What cannot be written here is a directory in the place of a file; it could be anything on a full disk.

    More than once, for the guest's `tar` may end sooner or later than its output.
    """
    (source / "file").write_text("file")
    tree = Tree(source, ["file"], extra={"file/below": source}, is_passing=True)
    for number in range(8):
        with pytest.raises(FileTransferFailed, match="could not write"):
            await real_vm.put_tree(tree, TreePlacement(f"{real_vm.work_root}/tree-{number}"))

    assert await shell(real_vm, "echo fine") == b"fine\n"


async def test_what_is_no_directory_cannot_be_fetched_as_a_tree(real_vm: Vm, tmp_path: Path) -> None:
    with pytest.raises(FileTransferFailed):
        await real_vm.get_tree(f"{real_vm.work_root}/missing", tmp_path / "back")

    assert leftovers(tmp_path) == []


async def test_a_tree_is_not_fetched_over_what_is_there(real_vm: Vm, tmp_path: Path) -> None:
    (tmp_path / "back").mkdir()
    with pytest.raises(FileTransferFailed, match="exists"):
        await real_vm.get_tree("/etc", tmp_path / "back")

    assert leftovers(tmp_path / "back") == []


@pytest.mark.parametrize(
    "making",
    ["ln -s / root", "ln -s ../../outside up", "mkfifo pipe"],
    ids=["link to the root", "link out of the tree", "pipe"],
)
async def test_what_leads_out_of_a_fetched_tree_is_refused(real_vm: Vm, tmp_path: Path, making: str) -> None:
    directory = f"{real_vm.work_root}/hostile"
    await shell(real_vm, f"mkdir -p {directory} && cd {directory} && {making}")
    with pytest.raises(FileTransferFailed, match="refused"):
        await real_vm.get_tree(directory, tmp_path / "back")

    assert leftovers(tmp_path) == []


async def test_a_fetched_tree_has_no_set_id_bits_and_its_hard_links_are_files(real_vm: Vm, tmp_path: Path) -> None:
    directory = f"{real_vm.work_root}/tree"
    await shell(real_vm, f"mkdir -p {directory} && cd {directory} && echo x > a && ln a b && chmod 6755 a")
    await real_vm.get_tree(directory, tmp_path / "back")

    assert stat.S_IMODE((tmp_path / "back" / "a").stat().st_mode) == 0o755
    assert (tmp_path / "back" / "b").read_text() == "x\n"
