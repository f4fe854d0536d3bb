"""`actions/checkout` in a local run: the work tree, not a clone."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.executor.checkout_input import CheckoutInputs, CheckoutRefused
from terraphim_runner.executor.own_command import execute
from terraphim_runner.executor.step_end import StepEnd
from terraphim_runner.ports.vm import Command, TreePlacement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.ports.vm import Tree
    from terraphim_runner.ports.work_tree import Revision, WorkTree

# Make the directory empty, whosever files are in it: what a step made as root, and earlier checkouts that were
# mounted below it, too.
_EMPTY = """
set -e
[ -d "$1" ] || exit 0
awk -v above="$1/" 'index($5, above) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r -n 1 umount
find "$1" -xdev -mindepth 1 -delete
"""
# Lay the new tree over what is there; it may have been mounted beside it.
_OVERLAY = """
set -e
rm -rf "$2/.git"
cp -a --remove-destination "$1/." "$2"
umount "$1" 2>/dev/null || true
rm -rf "$1"
"""


async def check_out(given: Mapping[str, str], turn: Turn) -> StepEnd:
    """Ship the work tree, or another commit of its repository, into the workspace.

    Raises:
        MachineLost | GuestError: the VM failed, not the step.
        HostError: this machine did, as where git or room for a copy is missing.
    """
    frame = turn.scope.frame
    if frame.run.work_tree is None:
        return turn.failed("There is no repository to check out.")
    own = str(frame.github.get("repository", ""))
    try:
        inputs = CheckoutInputs.read(given, own=own)
        return await _Checkout(inputs, frame.run.work_tree, turn).run()
    except (CheckoutRefused, FileTransferFailed) as error:
        return turn.failed(str(error))


class _Checkout:
    def __init__(self, inputs: CheckoutInputs, work_tree: WorkTree, turn: Turn) -> None:
        self._inputs = inputs
        self._work_tree = work_tree
        self._turn = turn
        self._frame = turn.scope.frame

    async def run(self) -> StepEnd:
        workspace = self._frame.place.workspace
        path = posixpath.normpath(posixpath.join(workspace, self._inputs.path or "."))
        if path != workspace and not path.startswith(workspace + "/"):
            return self._turn.failed(f"Repository path '{path}' is not under '{workspace}'")
        revision = await self._revision()
        snapshot = self._work_tree.snapshot(revision, has_history=self._inputs.has_history)
        with self._turn.stop.cutting_short():
            async with snapshot as tree:
                self._tell(tree, revision, path)
                await self._place(tree, path)
        return self._end(revision)

    async def _revision(self) -> Revision | None:
        """Give the commit that is asked for; None for the work tree as it is."""
        github, ref = self._frame.github, self._inputs.ref
        if ref in {"", *(github.get(name) for name in ("ref", "ref_name", "sha", "head_ref"))}:
            return None
        revision = await self._work_tree.find(ref)
        if revision is None:
            raise CheckoutRefused(f"The ref '{ref}' is neither a branch nor a tag nor a commit of this clone.")
        return revision

    def _tell(self, tree: Tree, revision: Revision | None, path: str) -> None:
        what = f"the work tree {tree.root}" if revision is None else f"the commit {revision.commit}"
        self._turn.log.say(f"Copying {len(tree.paths)} files of {what} to {path}")

    async def _place(self, tree: Tree, path: str) -> None:
        root = self._frame.root
        if self._inputs.is_clean:
            await self._run(_EMPTY, path)
            await root.put_tree(tree, TreePlacement(path, user="runner"))
            return
        beside = f"{self._frame.place.temp}/checkout-{self._turn.label}"
        await root.put_tree(tree, TreePlacement(beside, user="runner"))
        await self._run(_OVERLAY, beside, path)

    async def _run(self, script: str, *arguments: str) -> None:
        root = self._frame.root
        argv = ("/bin/sh", "-c", script, "sh", *arguments)
        command = Command(argv, env=dict(root.environment), origin=self._turn.scope.origin)
        answer = await execute(root, command)
        if not answer.status.is_success:
            raise FileTransferFailed(f"{arguments[-1]} cannot be written: {answer.complaint}")

    def _end(self, revision: Revision | None) -> StepEnd:
        github = self._frame.github
        ref, commit = github.get("ref", ""), github.get("sha", "")
        if revision is not None:
            ref, commit = self._inputs.ref, revision.commit
        return StepEnd(Conclusion.SUCCESS, outputs={"ref": ref, "commit": commit})
