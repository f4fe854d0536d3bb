"""`actions/checkout` in a local run: the work tree, not a clone."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.executor.script_step import StepEnd
from terraphim_runner.ports.vm import TreePlacement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.executor.step_log import StepLog

CHECKOUT = "actions/checkout"


async def check_out(frame: JobFrame, inputs: Mapping[str, str], log: StepLog) -> StepEnd:
    """Ship the work tree into the workspace.

    Raises:
        MachineLost | GuestError: the VM failed, not the step.
        HostError: this machine did, as where git or room for a copy is missing.
    """
    work_tree = frame.run.work_tree
    if work_tree is None:
        return _failed(log, "There is no repository to check out.")
    path = posixpath.normpath(posixpath.join(frame.place.workspace, inputs.get("path") or "."))
    if path != frame.place.workspace and not path.startswith(frame.place.workspace + "/"):
        return _failed(log, f"Repository path '{path}' is not under '{frame.place.workspace}'")
    try:
        async with work_tree.snapshot() as tree:
            log.say(f"Copying {len(tree.paths)} files of the work tree {tree.root} to {path}")
            await frame.root.put_tree(tree, TreePlacement(path, user="runner"))
    except FileTransferFailed as error:
        return _failed(log, str(error))
    return StepEnd(
        Conclusion.SUCCESS, outputs={"ref": frame.github.get("ref", ""), "commit": frame.github.get("sha", "")}
    )


def _failed(log: StepLog, reason: str) -> StepEnd:
    log.say(f"##[error]{reason}")
    return StepEnd(Conclusion.FAILURE, reason=reason)
