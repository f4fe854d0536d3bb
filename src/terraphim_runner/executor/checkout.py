"""`actions/checkout` in a local run: the work tree, not a clone."""

from __future__ import annotations

import posixpath
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.step_end import StepEnd
from terraphim_runner.ports.vm import TreePlacement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import UsesStep

CHECKOUT = "actions/checkout"


class BuiltInActions:
    """The `ActionRunner` of the actions that are built in; others were refused when planning."""

    async def run(self, step: UsesStep, turn: Turn) -> StepEnd:
        """Run the action that a step uses."""
        inputs = await turn.scope.evaluate(partial(evaluate_mapping, step.with_))
        return await check_out(inputs, turn)


async def check_out(inputs: Mapping[str, str], turn: Turn) -> StepEnd:
    """Ship the work tree into the workspace.

    Raises:
        MachineLost | GuestError: the VM failed, not the step.
        HostError: this machine did, as where git or room for a copy is missing.
    """
    frame = turn.scope.frame
    work_tree = frame.run.work_tree
    if work_tree is None:
        return turn.failed("There is no repository to check out.")
    path = posixpath.normpath(posixpath.join(frame.place.workspace, inputs.get("path") or "."))
    if path != frame.place.workspace and not path.startswith(frame.place.workspace + "/"):
        return turn.failed(f"Repository path '{path}' is not under '{frame.place.workspace}'")
    try:
        async with work_tree.snapshot() as tree:
            turn.log.say(f"Copying {len(tree.paths)} files of the work tree {tree.root} to {path}")
            await frame.root.put_tree(tree, TreePlacement(path, user="runner"))
    except FileTransferFailed as error:
        return turn.failed(str(error))
    return StepEnd(
        Conclusion.SUCCESS, outputs={"ref": frame.github.get("ref", ""), "commit": frame.github.get("sha", "")}
    )
