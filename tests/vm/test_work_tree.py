"""Work trees reach a VM whole."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from terraphim_runner.domain.errors import FileTransferFailed, HostError
from terraphim_runner.ports.vm import RootSpec, Tree, TreePlacement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from terraphim_runner.ports.vm import Vm

    Shell = Callable[..., Awaitable[str]]

pytestmark = [pytest.mark.vm, pytest.mark.anyio]

LIST = "cd {path} && find . -mindepth 1 -printf '%P %y %m %u %s %l\\n' | sort"


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Files that are awkward, and a directory from elsewhere."""
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    (root / "below" / "deep").mkdir(parents=True)
    (root / "plain").write_text("plain\n")
    (root / "below" / "program").write_text("#!/bin/sh\necho ran\n")
    (root / "below" / "program").chmod(0o755)
    (root / "below" / "deep" / 'a "quoted" \\ name').write_text("x")
    (root / "ungiven").write_text("not in the list")
    (root / "link").symlink_to("below/program")
    (root / "dangling").symlink_to("no where")
    (root / "empty").touch()
    name = os.fsdecode(b"latin-\xe9")
    (root / name).write_text("l")
    (elsewhere / "refs" / "heads").mkdir(parents=True)
    (elsewhere / "HEAD").write_text("ref: refs/heads/main\n")
    paths = ("plain", "below/program", 'below/deep/a "quoted" \\ name', "link", "dangling", "empty", name)
    return Tree(root, paths, {".git": elsewhere, "module/sub": elsewhere / "refs"})


async def test_a_tree_arrives_as_it_is(vm: Vm, shell: Shell, tree: Tree) -> None:
    """Modes, links, awkward names and directories from elsewhere included; owned by the user it is for."""
    await vm.put_tree(tree, TreePlacement("/home/runner/work/repository", "runner"))
    listed = (await shell(vm, LIST.format(path="/home/runner/work/repository"), user="runner")).splitlines()

    assert [line for line in listed if " d " not in line] == [
        ".git/HEAD f 644 runner 21 ",
        'below/deep/a "quoted" \\ name f 644 runner 1 ',
        "below/program f 755 runner 19 ",
        "dangling l 777 runner 8 no where",
        "empty f 644 runner 0 ",
        "latin-\\xe9 f 644 runner 1 ",
        "link l 777 runner 13 below/program",
        "plain f 644 runner 6 ",
    ]
    assert {line.split(" ")[0] for line in listed if " d " in line} == {
        ".git", ".git/refs", ".git/refs/heads", "below", "below/deep", "module", "module/sub", "module/sub/heads",
    }  # fmt: skip


async def test_a_tree_can_be_written_to_by_its_user(vm: Vm, shell: Shell, tree: Tree) -> None:
    """It is a work tree: changed, deleted and added to."""
    await vm.put_tree(tree, TreePlacement("/home/runner/work/repository", "runner"))
    script = "cd ~/work/repository && ./link && echo more >> plain && rm -r below && mkdir new && cat plain && ls"

    assert (await shell(vm, script, user="runner")).split("\n")[:3] == ["ran", "plain", "more"]


async def test_a_vm_takes_tree_after_tree(vm: Vm, shell: Shell, tree: Tree) -> None:
    """The first by the mailbox, the same once more by it too, others by another way, all alike."""
    listings = set()
    for name, each in {"first": tree, "again": tree, "other": replace(tree), "passing": replace(tree)}.items():
        await vm.put_tree(each, TreePlacement(f"/home/runner/work/{name}", "runner"))
        listings.add(await shell(vm, LIST.format(path=f"/home/runner/work/{name}") + " | grep -v ' d '"))
    mounts = await shell(vm, "grep -c '^overlay /home/runner/work' /proc/mounts")

    assert len(listings) == 1
    assert mounts == "2\n"


async def test_a_tree_in_two_jobs_is_shipped_once_and_changed_by_each_for_itself(
    vm: Vm, shell: Shell, tree: Tree
) -> None:
    """As is a tree that two jobs want at the same time; one that is in passing leaves the fast way to it."""
    await vm.put_tree(replace(tree, is_passing=True), TreePlacement("/home/runner/work/_actions", "runner"))
    async with vm.open_root(RootSpec("one")) as one, vm.open_root(RootSpec("two")) as two:
        async with anyio.create_task_group() as tasks:
            for root in (one, two):
                tasks.start_soon(root.put_tree, tree, TreePlacement("/home/runner/work/here", "runner"))
        await shell(one, "cd ~/work/here && echo mine > plain && rm link", user="runner")

        assert await shell(two, "cat ~/work/here/plain && ~/work/here/link", user="runner") == "plain\nran\n"
        for root in (one, two):
            assert await shell(root, "grep -c '^overlay /home/runner/work/here' /proc/mounts") == "1\n"


async def test_a_listed_file_that_is_gone_fails_the_transfer_and_not_the_vm(
    vm: Vm, shell: Shell, tree: Tree
) -> None:
    """And the next transfer is as good as the first."""
    with pytest.raises(FileTransferFailed, match="gone"):
        await vm.put_tree(Tree(tree.root, (*tree.paths, "gone")), TreePlacement("/home/runner/work/a", "runner"))
    await vm.put_tree(tree, TreePlacement("/home/runner/work/b", "runner"))

    assert await shell(vm, "cat /home/runner/work/b/plain") == "plain\n"


async def test_a_missing_mksquashfs_is_named_with_the_command_that_mends_it(
    vm: Vm, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the host's fault, not the workflow's."""
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(HostError, match="mksquashfs") as caught:
        await vm.put_tree(tree, TreePlacement("/home/runner/work/a", "runner"))

    assert caught.value.hint == "apt-get install squashfs-tools"
