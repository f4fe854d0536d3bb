"""Actions in a job, on a scripted VM: what is hard to bring about with real programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.unit.executor.scripted_turn import WORKSPACE, Kept, frame_of

from terraphim_runner.adapters.memory.action_store import MemoryActions
from terraphim_runner.adapters.memory.vm import Behaviour, Call
from terraphim_runner.domain.event import JobFinished, StepFinished
from terraphim_runner.executor.action_library import ActionLibrary
from terraphim_runner.executor.job_actions import JobActions
from terraphim_runner.executor.job_runner import JobRunner
from terraphim_runner.ports.vm import ExitStatus
from terraphim_runner.workflow.action_reference import Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from terraphim_runner.executor.frame import JobFrame

pytestmark = pytest.mark.anyio

OWN = Repository("octo/hello", "1" * 40)
TOOL = Repository("octo/tool", "v1")
JOB = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"
NODE = "runs: {using: node20, pre: pre.js, main: main.js, post: post.js}"


def composite(*steps: str) -> str:
    return "runs:\n  using: composite\n  steps:\n" + "".join(f"    - {step}\n" for step in steps)


@dataclass
class Played:
    """What came of a job."""

    sink: Kept
    store: MemoryActions
    commands: list[str] = field(default_factory=list)  # scripts, and the last words of programs

    @property
    def ends(self) -> list[str]:
        return [f"{e.name}: {e.conclusion.value}" for e in self.sink.events if isinstance(e, StepFinished)]

    @property
    def reasons(self) -> list[str]:
        return [e.reason for e in self.sink.events if isinstance(e, StepFinished) and e.reason is not None]


async def play(
    steps: str,
    *,
    local: Mapping[str, str] | None = None,
    tool: Mapping[str, str] | None = None,
    own: Mapping[str, str] | None = None,
    behave: Mapping[str, Behaviour] | None = None,
    prepare: Callable[[JobFrame], None] | None = None,
) -> Played:
    """Run a job; `local` are the workspace's actions, `tool` octo/tool@v1's, `own` the workflow's repository's."""
    played = Played(Kept(), MemoryActions(OWN, {TOOL: tool or {}, OWN: own or {}}))

    def script(call: Call) -> Behaviour:
        text = next((t.decode() for p, t in call.command.files.items() if p in call.command.argv), "")
        said = text.strip() or call.command.argv[-1].rpartition("/")[2]
        state = call.command.env.get("STATE_seen", "")
        played.commands.append(f"{said} {state}".strip())
        behaviour = (behave or {}).get(said, Behaviour())
        files = {call.command.env.get(name, ""): data for name, data in behaviour.files.items()}
        return Behaviour(status=behaviour.status, files=files, is_endless=behaviour.is_endless)

    async with anyio.create_task_group() as tasks:
        frame = frame_of(played.sink, tasks, script=script, text=JOB + steps)
        for path, text in (local or {}).items():
            frame.root.files[f"{WORKSPACE}/{path}/action.yml"] = text.encode()  # type: ignore[attr-defined]
        if prepare is not None:
            prepare(frame)
        actions = JobActions(ActionLibrary(played.store))
        runner = JobRunner(frame, timeout_s=60, cancel_timeout_s=60, is_tolerated=False, actions=actions)
        await runner.run()
    return played


async def test_a_repository_is_shipped_once_and_only_if_something_of_it_runs() -> None:
    """Also where two background steps want it at the same time."""
    steps = "    - {uses: octo/tool@v1, background: true}\n    - {uses: octo/tool/other@v1, background: true}\n"
    plain = composite("{run: one, shell: bash}")

    played = await play(steps, tool={"": plain, "other": plain})
    skipped = await play("    - {uses: octo/tool@v1, if: false}\n", tool={"": plain})

    assert played.store.shipped == [TOOL]
    assert skipped.store.shipped == []


async def test_each_use_has_a_state_of_its_own_and_a_post_stage_although_it_failed() -> None:
    steps = "    - uses: octo/tool@v1\n    - {uses: ./it, if: always()}\n"
    wrote = Behaviour(status=ExitStatus(code=1), files={"GITHUB_STATE": b"seen=main\n"})
    began = Behaviour(files={"GITHUB_STATE": b"seen=pre\n"})

    played = await play(steps, tool={"": NODE}, local={"it": NODE}, behave={"main.js": wrote, "pre.js": began})

    assert played.commands == ["pre.js", "main.js pre", "main.js", "post.js main", "post.js main"]
    assert played.ends[-2:] == ["Post Run ./it: success", "Post Run octo/tool@v1: success"]


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (composite("uses: octo/unknown@v2"), "add --action octo/unknown@v2=DIR"),
        (composite("uses: docker://alpine"), "does not run Docker actions yet"),
        (composite("uses: ./it"), "nested deeper than 10 levels"),
        (composite("uses: ./none"), f"Dockerfile in {WORKSPACE}/none"),
        ("runs: {using: docker, image: Dockerfile}", "it/action.yml:1:15: terraphim-runner does not run Docker"),
        ("runs: {using: composite, steps: [{run: x}]}", "it/action.yml:1:34: Required property is missing: shell"),
    ],
)
async def test_what_turns_out_only_while_the_job_runs_fails_the_step_with_the_reason(
    action: str, reason: str
) -> None:
    played = await play("    - uses: ./it\n", local={"it": action})

    assert played.ends == ["Run ./it: failure"]
    assert reason in " ".join([*played.sink.lines, *played.reasons])


async def test_an_image_without_node_is_named_with_the_command_that_mends_it() -> None:
    def strip(frame: JobFrame) -> None:
        frame.root.environment = {"PATH": "/bin"}  # type: ignore[misc]

    main_only = "runs: {using: node24, main: main.js}"
    played = await play("    - uses: ./it\n", local={"it": main_only}, prepare=strip)

    assert played.reasons == ["This image has no Node.js for actions; build it anew: terraphim-runner image build"]


async def test_a_composite_action_that_begins_in_a_cancelled_job_asks_about_itself_alone() -> None:
    """As on GitHub: its steps without a condition run, those after a failure do not."""
    local = {"it": composite("{run: one, shell: bash}", "{run: bad, shell: bash}", "{run: never, shell: bash}")}
    bad = Behaviour(status=ExitStatus(code=1))

    played = await play(
        "    - {uses: ./it, if: always()}\n",
        local=local,
        behave={"bad": bad},
        prepare=lambda frame: frame.cancellation.request(),
    )

    assert played.commands == ["one", "bad"]


async def test_after_a_step_of_an_action_with_a_faulty_condition_the_others_do_not_run() -> None:
    """Not even those with `always()`, as on GitHub."""
    faulty = "{run: one, shell: bash, if: \"${{ fromJSON('x') }}\"}"
    played = await play(
        "    - uses: ./it\n", local={"it": composite(faulty, "{run: two, shell: bash, if: always()}")}
    )

    assert played.commands == []
    assert played.ends == ["Run ./it: failure"]


async def test_an_action_that_is_this_repositorys_is_taken_as_it_is_planned_not_as_the_workspace_has_it() -> None:
    """`$/` in an action of another repository means that one."""
    steps = "    - uses: $/it\n    - uses: octo/tool@v1\n"
    here, there = composite("{run: here, shell: bash}"), composite("{run: there, shell: bash}")

    played = await play(
        steps,
        own={"it": here},
        tool={"": composite("uses: $/it"), "it": there},
        local={"it": composite("{run: workspace, shell: bash}")},
    )

    assert played.commands == ["here", "there"]
    assert played.store.shipped == [OWN, TOOL]


async def test_p3_a_job_that_is_cancelled_during_a_post_stage_carries_out_that_one_and_those_to_come() -> None:
    """Post stages always run; the job's verdict is that it was cancelled."""
    frames: list[JobFrame] = []

    class Cancels(dict[str, Behaviour]):
        def get(self, said: str, default: Any = None) -> Any:
            if said == "post.js":
                frames[0].cancellation.request()
            return super().get(said, default)

    steps = "    - uses: octo/tool@v1\n    - uses: ./it\n"
    played = await play(
        steps, tool={"": NODE}, local={"it": NODE}, behave=Cancels(never=Behaviour()), prepare=frames.append
    )

    assert played.commands[-2:] == ["post.js", "post.js"]
    assert played.ends[-2:] == ["Post Run ./it: success", "Post Run octo/tool@v1: success"]
    assert [e.conclusion.value for e in played.sink.events if isinstance(e, JobFinished)] == ["cancelled"]


async def test_an_action_file_without_end_is_not_read_to_its_end() -> None:
    """A job can make one of any size; the machine that runs it has less memory."""
    played = await play("    - uses: ./it\n", local={"it": "x" * (2 << 20)})

    assert played.reasons == [f"{WORKSPACE}/it/action.yml is larger than 1 MiB"]
