"""What actions leave to do at the job's end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.executor.scripted_turn import Kept, frame_of, workflow_of

from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.event import StepFinished, StepStarted
from terraphim_runner.executor.job_runner import JobRunner
from terraphim_runner.executor.nested_steps import run_nested
from terraphim_runner.executor.record import StepsRecord
from terraphim_runner.executor.stage_step import StageStep
from terraphim_runner.executor.step_process import ProcessCall, StepProcess
from terraphim_runner.expressions.condition import condition
from terraphim_runner.ports.vm import ExitStatus
from terraphim_runner.workflow.action_reference import Repository
from terraphim_runner.workflow.value import Condition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from terraphim_runner.executor.frame import JobFrame
    from terraphim_runner.executor.step_end import StepEnd
    from terraphim_runner.executor.step_scope import StepScope
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.workflow.step import RunStep, Step, UsesStep

pytestmark = pytest.mark.anyio

_JOB = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"


@dataclass
class _Actions:
    """Every action has a post step, which is named by the action and fails if that is called `bad`."""

    condition: str = "always()"
    seen: list[str] = field(default_factory=list)

    async def pre_steps(self, _steps: Sequence[Step], _scope: StepScope) -> list[StageStep]:
        return []

    async def run(self, step: UsesStep, turn: Turn) -> StepEnd:
        name = step.uses.value.partition("@")[0].partition("/")[2]
        end = await StepProcess(turn).run(ProcessCall(("run", name), "/"))

        async def clean(post: Turn) -> StepEnd:
            state = {f"STATE_{key}": value for key, value in end.state.items()}
            self.seen.append(f"{name} {state}")
            return (
                post.failed("no")
                if name == "bad"
                else await StepProcess(post).run(ProcessCall(("post", name), "/", env=state))
            )

        wanted = Condition(condition(self.condition), step.span, self.condition)
        posts = turn.scope.state.posts
        posts.append(StageStep(f"Post {turn.name}", replace(step, condition=wanted), turn.scope, clean))
        return end


async def _run(steps: str, actions: _Actions, behaviours: dict[str, Behaviour] | None = None) -> tuple[Kept, str]:
    sink = Kept()

    def script(call: Call) -> Behaviour:
        behaviour = (behaviours or {}).get(" ".join(call.command.argv), Behaviour())
        files = {call.command.env.get(variable, ""): data for variable, data in behaviour.files.items()}
        return replace(behaviour, files=files)

    async with anyio.create_task_group() as tasks:
        frame = frame_of(sink, tasks, script=script, text=_JOB + steps)
        runner = JobRunner(frame, timeout_s=60, cancel_timeout_s=60, is_tolerated=False, actions=actions)
        await runner.run()
    assert runner.end is not None
    return sink, runner.end.result.conclusion.value


def _finished(sink: Kept) -> list[tuple[int, str, str]]:
    ends = [event for event in sink.events if isinstance(event, StepFinished)]
    return [(event.step, event.name, event.conclusion.value) for event in ends]


async def test_post_steps_run_last_in_the_opposite_order_and_are_numbered_on() -> None:
    sink, conclusion = await _run("    - uses: o/one@v1\n    - uses: o/two@v1\n    - run: x\n", _Actions())

    assert _finished(sink)[3:] == [
        (4, "Post Run o/two@v1", "success"),
        (5, "Post Run o/one@v1", "success"),
    ]
    assert [event.step for event in sink.events if isinstance(event, StepStarted)] == [1, 2, 3, 4, 5]
    assert conclusion == "success"


async def test_post_steps_run_after_a_failure_and_their_own_failure_fails_the_job() -> None:
    sink, conclusion = await _run("    - uses: o/bad@v1\n    - uses: o/good@v1\n", _Actions())

    assert _finished(sink)[2:] == [(3, "Post Run o/good@v1", "success"), (4, "Post Run o/bad@v1", "failure")]
    assert conclusion == "failure"


async def test_a_post_step_sees_what_its_action_saved_and_no_other() -> None:
    saved = Behaviour(files={"GITHUB_STATE": b"key=from one\n"})
    actions = _Actions()
    await _run("    - uses: o/one@v1\n    - uses: o/two@v1\n", actions, {"run one": saved})

    assert actions.seen == ["two {}", "one {'STATE_key': 'from one'}"]


async def test_a_post_condition_sees_how_the_job_went() -> None:
    fails = {"run bad": Behaviour(status=ExitStatus(code=1))}
    sink, _ = await _run("    - uses: o/one@v1\n    - uses: o/bad@v1\n", _Actions("success()"), fails)

    assert [conclusion for _, name, conclusion in _finished(sink) if name.startswith("Post")] == [
        "skipped",
        "skipped",
    ]


@dataclass
class _Composite:
    """Runs the steps of another workflow's job as its own."""

    steps: tuple[RunStep | UsesStep, ...]
    conclusion: Conclusion | None = None

    async def pre_steps(self, _steps: Sequence[Step], _scope: StepScope) -> list[StageStep]:
        return []

    async def run(self, step: UsesStep, turn: Turn) -> StepEnd:
        github = {"action_path": "/actions/it"}
        home = Repository("o/it", "v1")
        scope = turn.scope.nested(step.id, StepsRecord(), inputs=None, github=github, home=home)
        end = await run_nested(self.steps, scope, turn)
        self.conclusion = end.outcome
        return replace(end, outputs={"said": str(sorted(scope.record.steps))})


async def _run_composite(
    inner: str, outer: str, between: Callable[[JobFrame], Awaitable[None]]
) -> tuple[list[str], list[tuple[int, str, str]]]:
    """Run a job whose action has these steps, of which `slow` never ends by itself, and do something meanwhile."""
    action = _Composite(workflow_of(_JOB + inner).jobs[0].steps)  # type: ignore[union-attr, arg-type]
    sink = Kept()
    scripts: list[str] = []

    def script(call: Call) -> Behaviour:
        scripts.extend(text.decode() for path, text in call.command.files.items() if path in call.command.argv)
        return Behaviour(is_endless=scripts[-1] == "slow")

    async with anyio.create_task_group() as tasks:
        frame = frame_of(sink, tasks, script=script, text=_JOB + outer)
        runner = JobRunner(frame, timeout_s=600, cancel_timeout_s=60, is_tolerated=False, actions=action)
        tasks.start_soon(runner.run)
        await anyio.wait_all_tasks_blocked()
        await between(frame)
    return scripts, _finished(sink)


async def test_the_time_of_a_step_is_that_of_all_steps_of_its_action() -> None:
    async def wait(frame: JobFrame) -> None:
        clock: Any = frame.run.clock
        await clock.advance_s(60.0 + 7.5)

    scripts, finished = await _run_composite(
        "    - run: slow\n    - {if: always(), run: tidy}\n", "    - {uses: o/it@v1, timeout-minutes: 1}\n", wait
    )

    assert scripts == ["slow"]
    assert finished == [(1, "Run o/it@v1", "failure")]


async def _cancel(frame: JobFrame) -> None:
    frame.cancellation.request()
    clock: Any = frame.run.clock
    await clock.advance_s(7.5)


async def test_steps_of_an_action_that_always_run_do_so_after_a_cancel() -> None:
    scripts, finished = await _run_composite(
        "    - run: slow\n    - run: next\n    - {if: always(), run: tidy}\n", "    - uses: o/it@v1\n", _cancel
    )

    assert scripts == ["slow", "tidy"]
    assert finished == [(1, "Run o/it@v1", "cancelled")]


async def test_an_action_that_always_runs_is_cancelled_with_a_step_of_it() -> None:
    """As on GitHub, where a cancelled step weighs more than one that failed: half done is not done."""
    scripts, finished = await _run_composite(
        "    - run: slow\n    - {if: failure(), run: told}\n    - {if: always(), run: tidy}\n",
        "    - {uses: o/it@v1, if: always()}\n",
        _cancel,
    )

    assert scripts == ["slow", "tidy"]
    assert finished == [(1, "Run o/it@v1", "cancelled")]


async def test_steps_of_an_action_have_contexts_of_their_own() -> None:
    inner = workflow_of(
        _JOB
        + "    - {id: in, run: a}\n    - {run: 'bad', shell: 'x {0}'}\n    - {id: never, run: b}\n"
        + "    - {if: failure(), run: 'echo ${{ github.action_path }} ${{ github.action_status }}"
        + " ${{ steps.out }}'}"
    )
    action = _Composite(inner.jobs[0].steps)  # type: ignore[union-attr, arg-type]
    sink = Kept()
    scripts: list[str] = []

    def script(call: Call) -> Behaviour:
        scripts.extend(text.decode() for path, text in call.command.files.items() if path in call.command.argv)
        return Behaviour(status=ExitStatus(code=int(call.command.argv[0] == "x")))

    outer = "    - {id: out, uses: o/it@v1, continue-on-error: true}\n    - run: ${{ toJSON(steps.out.outputs) }}"
    async with anyio.create_task_group() as tasks:
        frame = frame_of(sink, tasks, script=script, text=_JOB + outer)
        runner = JobRunner(frame, timeout_s=60, cancel_timeout_s=60, is_tolerated=False, actions=action)
        await runner.run()

    assert action.conclusion is Conclusion.FAILURE
    assert scripts[:3] == ["a", "bad", "echo /actions/it failure "]
    assert "['in', 'never']" in scripts[3]
    assert [conclusion for *_, conclusion in _finished(sink)] == ["success", "success"]
