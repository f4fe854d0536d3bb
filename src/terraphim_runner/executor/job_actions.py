"""Run the actions of a job: composite ones, JavaScript ones, and the built-in checkout."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from terraphim_runner.executor.action_input import evaluate_inputs, input_variables
from terraphim_runner.executor.action_library import MAX_DEPTH
from terraphim_runner.executor.action_loader import ActionLoader, ActionMissing
from terraphim_runner.executor.action_use import ActionUse, Stage
from terraphim_runner.executor.checkout import check_out
from terraphim_runner.executor.checkout_input import CHECKOUT
from terraphim_runner.executor.frame import CONTEXTS
from terraphim_runner.executor.mapping import evaluate_mapping
from terraphim_runner.executor.nested_steps import run_nested, run_stages
from terraphim_runner.executor.node_action import node_for, run_node
from terraphim_runner.executor.stage_step import StageStep
from terraphim_runner.expressions.value import Object
from terraphim_runner.workflow.action import CompositeRuns, NodeRuns
from terraphim_runner.workflow.action_reference import RepositoryAction
from terraphim_runner.workflow.display_name import step_name
from terraphim_runner.workflow.evaluation import evaluate_string
from terraphim_runner.workflow.step import UsesStep, in_order
from terraphim_runner.workflow.template import always

if TYPE_CHECKING:
    from collections.abc import Sequence

    from terraphim_runner.executor.action_library import ActionLibrary
    from terraphim_runner.executor.action_loader import LoadedAction
    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.workflow.action import Action
    from terraphim_runner.workflow.action_reference import ActionReference
    from terraphim_runner.workflow.step import Step
    from terraphim_runner.workflow.value import Condition


class JobActions:
    """The `ActionRunner` of one job."""

    def __init__(self, library: ActionLibrary) -> None:
        """Find actions in `library`, or in the job's workspace."""
        self._library = library
        self._loader = ActionLoader(library)
        self._uses: dict[tuple[str, ...], ActionUse] = {}

    async def pre_steps(self, steps: Sequence[Step], scope: StepScope) -> list[StageStep]:
        """Give the `pre` stages, which run first of all: of actions that are known before the job begins."""
        due = [step for step in in_order(steps) if isinstance(step, UsesStep) and self._has_pre(step, scope)]
        return [await self._stage_step(step, scope, Stage.PRE, self._pre_if(step, scope)) for step in due]

    async def run(self, step: UsesStep, turn: Turn) -> StepEnd:
        """Run the main stage of the action that a step uses; see `ActionRunner`."""
        return await self._run_stage(step, Stage.MAIN, turn)

    async def _run_stage(self, step: UsesStep, stage: Stage, turn: Turn) -> StepEnd:
        reference = self._resolve(step, turn.scope)
        if self._is_checkout(reference):
            return await check_out(await turn.scope.evaluate(partial(evaluate_mapping, step.with_)), turn)
        if len(turn.scope.trail) >= MAX_DEPTH:
            return turn.failed(f"Actions are nested deeper than {MAX_DEPTH} levels.")
        try:
            action = await self._loader.load(reference, turn.scope.frame)
        except ActionMissing as error:
            return turn.failed(str(error))
        match action.manifest.runs:
            case NodeRuns() as runs:
                return await self._run_node(step, action, runs, stage, turn)
            case CompositeRuns() as runs:
                return await self._run_composite(step, action, runs, stage, turn)
            case _:
                return turn.failed("terraphim-runner does not run Docker actions yet")

    async def _run_node(
        self, step: UsesStep, action: LoadedAction, runs: NodeRuns, stage: Stage, turn: Turn
    ) -> StepEnd:
        use = self._use(step, turn.scope)
        if runs.pre is not None and stage is Stage.MAIN and not action.is_remote:
            _warn_of_pre(step, turn)
        if runs.post is not None and stage is not Stage.POST and not use.has_post:
            use.has_post = True
            self._posts(turn.scope).append(await self._stage_step(step, turn.scope, Stage.POST, runs.post_if))
        script = {Stage.PRE: runs.pre, Stage.MAIN: runs.main, Stage.POST: runs.post}[stage]
        turn = replace(turn, scope=turn.scope.with_step(github=action.github))
        inputs = await evaluate_inputs(step, action.manifest, turn)
        node = node_for(runs.using.value)
        if node != runs.using.value and stage is Stage.MAIN:
            turn.log.tell_warning(f"{runs.using} is no longer maintained: this action is run with {node}.")
        end = await run_node(node, f"{action.directory}/{script}", input_variables(inputs) | use.variables(), turn)
        use.state |= end.state
        return end

    async def _run_composite(
        self, step: UsesStep, action: LoadedAction, runs: CompositeRuns, stage: Stage, turn: Turn
    ) -> StepEnd:
        use = self._use(step, turn.scope)
        if stage is Stage.POST:
            posts, use.posts = use.posts[::-1], []
            return await run_stages(posts, turn)
        inputs = await evaluate_inputs(step, action.manifest, turn)
        github = {"action_path": action.directory} | ({} if turn.scope.is_nested else action.github)
        scope = turn.scope.nested(
            step.id, use.record, inputs=Object(inputs.items()), github=github, home=action.home
        )
        pre_steps = await self.pre_steps(runs.steps, scope.around())
        try:
            if stage is Stage.PRE:
                return await run_stages(pre_steps, turn)
            if pre_steps and not action.is_remote:
                _warn_of_pre(step, turn)
            end = await run_nested(runs.steps, scope, turn)
        finally:
            await self._push_composite_post(step, use, turn.scope)
        return replace(end, outputs=await scope.evaluate(partial(_outputs, action.manifest)))

    async def _push_composite_post(self, step: UsesStep, use: ActionUse, scope: StepScope) -> None:
        if use.posts and not use.has_post:
            use.has_post = True
            self._posts(scope).append(await self._stage_step(step, scope, Stage.POST, None))

    async def _stage_step(
        self, step: UsesStep, scope: StepScope, stage: Stage, condition: Condition | None
    ) -> StageStep:
        name = f"{stage.value} {await scope.evaluate(partial(step_name, step, known=CONTEXTS))}"
        around = replace(step, condition=condition or always(step.span))
        return StageStep(name, around, scope.around(), partial(self._run_stage, step, stage))

    def _has_pre(self, step: UsesStep, scope: StepScope) -> bool:
        reference = self._resolve(step, scope)
        return isinstance(reference, RepositoryAction) and self._library.has_pre(reference)

    def _pre_if(self, step: UsesStep, scope: StepScope) -> Condition | None:
        reference = self._resolve(step, scope)
        action = self._library.find(reference) if isinstance(reference, RepositoryAction) else None
        return action.runs.pre_if if action is not None and isinstance(action.runs, NodeRuns) else None

    def _use(self, step: UsesStep, scope: StepScope) -> ActionUse:
        return self._uses.setdefault((*scope.trail, step.id), ActionUse())

    def _posts(self, scope: StepScope) -> list[StageStep]:
        """Give the stack for post stages: the job's, or that of the composite action around."""
        return self._uses[scope.trail].posts if scope.is_nested else scope.state.posts

    def _resolve(self, step: UsesStep, scope: StepScope) -> ActionReference:
        return self._library.resolve(step.uses.value, scope.home or self._library.store.own)

    def _is_checkout(self, reference: ActionReference) -> bool:
        return (
            isinstance(reference, RepositoryAction)
            and reference.repository.name.lower() == CHECKOUT
            and not reference.path
            and not self._library.store.has(reference.repository)
        )


def _warn_of_pre(step: UsesStep, turn: Turn) -> None:
    message = f"`pre` execution is not supported for local action from '{step.uses}'"
    turn.log.tell_warning(message)


def _outputs(action: Action, expressions: Scope) -> dict[str, str]:
    return {
        each.name.value: "" if each.value is None else evaluate_string(each.value, expressions)
        for each in action.outputs
    }
