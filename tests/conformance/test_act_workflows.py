"""Act's own workflows, each run in a VM, give the result that act's table of tests expects.

`make act-corpus` runs it. ACT_CORPUS_PROVIDER=process runs it without VMs and without isolation: faster, for who
works on this, in a machine that may be spoilt.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.conformance.act_case import CORPUS, HANDED_OVER, Case, load_cases
from tests.conformance.act_fixture import add_fixtures

from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.domain.event import StepOutput
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.executor import WorkflowExecutor
from terraphim_runner.executor.mask import Masker
from terraphim_runner.ports.action_store import ActionMapping
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.wiring.engine import Engine, open_engine, open_sessions
from terraphim_runner.wiring.local_run import plan_local_run, request_run
from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from terraphim_runner.domain.event import RunEvent, RunFinished
    from terraphim_runner.ports.image import ImageStore
    from terraphim_runner.session.manager import SessionManager
    from terraphim_runner.settings.model import Settings

pytestmark = [pytest.mark.conformance, pytest.mark.anyio]

_CASES = load_cases()
_RUNS = [case for case in _CASES if case.needs_a_machine]
_PLANS = [case for case in _CASES if not case.needs_a_machine]
_PROVIDER = os.environ.get("ACT_CORPUS_PROVIDER", "qemu")
_SMALL = {"cpus": 1, "memory_mib": 512, "disk_mib": 1024}
_GOAL = 0.95  # of the eligible runs

if not _CASES:
    pytest.skip(f"{CORPUS} is not on this machine", allow_module_level=True)


class _Events:
    def __init__(self) -> None:
        self.events: list[RunEvent] = []

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)

    @property
    def log(self) -> str:
        return "\n".join(line for event in self.events if isinstance(event, StepOutput) for line in event.lines)


@dataclass
class Laboratory:
    """One provider for all cases, and a copy of the corpus that is a repository."""

    settings: Settings
    engine: Engine
    sessions: SessionManager
    workspaces: dict[str, Path]

    async def run(self, case: Case, file: str, events: _Events) -> RunFinished:
        """Run one file of a case."""
        run = order(case, self.workspaces[case.row["base"]], file)
        request = await request_run(run, self.settings, events, Masker())
        executor = WorkflowExecutor(
            self.sessions, self.engine.ledger, self.engine.clock, events, self.engine.groups
        )
        return await executor.execute_workflow(request, Cancellation())


@dataclass
class Score:
    """What came of the eligible cases."""

    passed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def order(case: Case, workspace: Path, file: str) -> LocalRun:
    """Make an order of a row."""
    path = workspace / Path(file).relative_to(case.row["base"])
    payload = case.row.get("event_path")
    return LocalRun(
        directory=workspace,
        file=path.relative_to(workspace).as_posix(),
        text=path.read_text(encoding="utf-8"),
        event_name=case.row["event"] or "push",
        payload=json.loads((CORPUS / payload).read_text()) if payload else {},
        inputs=case.row.get("inputs", {}),
        secrets=case.row.get("secrets", {}),
        env=case.row.get("env", {}),
        actions=[ActionMapping("nektos/act-test-actions", "main", workspace.parent / "actions")],
    )


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Let one event loop serve the whole module."""
    return "asyncio"


@pytest.fixture(scope="module")
def workspaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A repository for each of the two roots of the corpus, beside the actions of another."""
    found = {}
    for base in ("testdata", "model-testdata"):
        path = tmp_path_factory.mktemp("act") / base
        for source, copy in ((CORPUS / base, path), (HANDED_OVER, path.parent / "actions")):
            shutil.copytree(source, copy)
            add_fixtures(copy)
        git = ["git", "-C", str(path), "-c", "user.name=nektos", "-c", "user.email=act@example.invalid"]
        subprocess.run([*git, "init", "--quiet", "--initial-branch=main"], check=True)
        subprocess.run([*git, "add", "--all", "--force"], check=True)
        subprocess.run([*git, "commit", "--quiet", "--message", "Take the corpus"], check=True)
        found[base] = path
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Settings:
    """The provider, with a small VM and a state directory of its own."""
    state = tmp_path_factory.mktemp("act-state")
    environ = {"XDG_STATE_HOME": str(state), "XDG_DATA_HOME": str(state), "HOME": str(state)}
    small: dict[str, object] = dict(_SMALL)
    if _PROVIDER == "qemu":
        images: ImageStore = request.getfixturevalue("images")
        template_dir: Path = request.getfixturevalue("template_dir")
        image = images.find("debian-12")
        if not (template_dir / "images").exists():
            (template_dir / "images").symlink_to(image.kernel.parent.parent)
        environ["TERRAPHIM_DATA_DIR"] = str(template_dir)
        small["image"] = image.digest
    environ["TERRAPHIM_VM_TYPES"] = json.dumps({"default": small})
    return load_settings({"provider": _PROVIDER}, environ, HostCapacity.measure())


@pytest.fixture(scope="module")
async def laboratory(settings: Settings, workspaces: dict[str, Path]) -> AsyncIterator[Laboratory]:
    """The provider, entered once."""
    async with open_engine(settings) as engine, open_sessions(engine, settings) as sessions:
        yield Laboratory(settings, engine, sessions, workspaces)


@pytest.fixture(scope="module")
def score() -> Score:
    """What came of the cases so far."""
    return Score()


@pytest.mark.vm
@pytest.mark.parametrize("case", _RUNS, ids=lambda case: case.id)
async def test_a_run_ends_as_acts_table_expects(case: Case, laboratory: Laboratory, score: Score) -> None:
    """The assertions are in the steps; what is refused counts as wrong, whatever is expected."""
    if (reason := case.ineligible) is not None:
        pytest.skip(reason)
    score.failed[case.id] = "it was not finished"
    try:
        await _check(case, laboratory)
    except WorkflowError as error:
        score.failed[case.id] = "; ".join(diagnostic.message for diagnostic in error.diagnostics)
        pytest.fail(f"refused: {error}")
    except AssertionError as error:
        score.failed[case.id] = str(error)
        raise
    del score.failed[case.id]
    score.passed.append(case.id)


async def _check(case: Case, laboratory: Laboratory) -> None:
    events = _Events()
    results = [await laboratory.run(case, file, events) for file in case.files if _listens(case, laboratory, file)]
    conclusions = {result.conclusion for result in results}
    reasons = [result.error or job.reason for result in results for job in result.jobs]
    assert (conclusions == {Conclusion.SUCCESS}) is case.is_expected_to_succeed, f"{reasons}\n{events.log}"
    assert not any(result.error for result in results), reasons
    for text in case.row.get("output_must_not_contain", ()):
        assert text not in events.log
    if "expected_job_result" in case.row:
        assert [job.conclusion.value for job in results[0].jobs] == [case.row["expected_job_result"]]
    if "expected_first_step_result" in case.row:
        assert results[0].jobs[0].steps[0].conclusion.value == case.row["expected_first_step_result"]


def _listens(case: Case, laboratory: Laboratory, file: str) -> bool:
    text = (CORPUS / file).read_text(encoding="utf-8")
    workflow = read_workflow(text, file).workflow
    return workflow is None or workflow.trigger(case.row["event"]) is not None


@pytest.mark.parametrize("case", _PLANS, ids=lambda case: case.id)
async def test_a_plan_is_made_or_refused_as_acts_table_expects(
    case: Case, workspaces: dict[str, Path], tmp_path: Path
) -> None:
    """Rows about reading and planning, which need no machine."""
    if (reason := case.ineligible) is not None:
        pytest.skip(reason)
    environ = {"XDG_STATE_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path), "HOME": str(tmp_path)}
    settings = load_settings({"provider": "memory"}, environ, HostCapacity.measure())
    is_good = True
    stages: list[set[str]] = []
    for file in case.files:
        read = read_workflow((CORPUS / file).read_text(encoding="utf-8"), file)
        if read.workflow is None or case.row["event"] is None:
            is_good &= all(each.severity is not Severity.ERROR for each in read.diagnostics)
        elif read.workflow.trigger(case.row["event"]) is not None:
            run = order(case, workspaces[case.row["base"]], file)
            plan = await plan_local_run(run, settings, _Events())
            stages += _stages({job.id: job.needs for job in plan.jobs})

    assert is_good is case.is_expected_to_succeed
    if "expected_stages" in case.row:
        assert stages == [set(stage) for stage in case.row["expected_stages"]]


def _stages(needs: dict[str, tuple[str, ...]]) -> list[set[str]]:
    stages: list[set[str]] = []
    while rest := needs.keys() - {job for stage in stages for job in stage}:
        done = needs.keys() - rest
        stages.append({job for job in rest if set(needs[job]) <= done})
    return stages


@pytest.mark.vm
def test_nearly_all_eligible_runs_are_right(score: Score) -> None:
    """This one comes last; with a part of the cases only, it says nothing."""
    eligible = [case for case in _RUNS if case.ineligible is None]
    if len(score.passed) + len(score.failed) < len(eligible):
        pytest.skip("not every eligible case was run")
    listed = "\n".join(f"{name}: {reason}" for name, reason in score.failed.items())

    assert len(score.passed) >= _GOAL * len(eligible), f"{len(score.passed)} of {len(eligible)}\n{listed}"
