"""Run a script of a JavaScript action with the Node.js that is part of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.executor.step_process import ProcessCall, StepProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.turn import Turn

EXTERNALS = "TERRAPHIM_EXTERNALS"  # in a root's environment: the directory of the runner's own programs
_REPLACED = {"node12": "node20", "node16": "node20"}  # GitHub's runner has dropped them, too


def node_for(using: str) -> str:
    """Say which Node runs an action that asks for `using`."""
    return _REPLACED.get(using, using)


async def run_node(node: str, script: str, env: Mapping[str, str], turn: Turn) -> StepEnd:
    """Run `script`, a path in the job's root, to its end.

    Raises:
        MachineLost | GuestError: the VM failed, not the step.
    """
    frame = turn.scope.frame
    externals = frame.root.environment.get(EXTERNALS)
    if externals is None:
        return turn.failed("This image has no Node.js for actions; build it anew: terraphim-runner image build")
    call = ProcessCall(argv=(f"{externals}/{node}/bin/node", script), cwd=frame.place.workspace, env=env)
    return await StepProcess(turn).run(call)
