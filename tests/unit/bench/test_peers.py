"""What the bench reads out of a peer's output, and what it makes of the times."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from bench.peers import act, docker
from bench.peers.absence import Absent
from bench.peers.figure import FEW, MANY, Peer, PeerTimes, compare
from bench.peers.stop_watch import PeerFailed, Record, per_step_s, record
from bench.peers.workflow import mark, workflow_text
from bench.sample import Verdict

from terraphim_runner.workflow.reader import read_workflow

if TYPE_CHECKING:
    from pathlib import Path

# As the programs print: the command's words are in other lines too, and must not be taken for its output.
_ACT = """\
[steps-2.yml/bench] ⭐ Run Main echo "mark""-000"
[steps-2.yml/bench]   🐳  docker exec cmd=[bash -e /var/run/act/workflow/0] user= workdir=
[steps-2.yml/bench]   | mark-000
[steps-2.yml/bench] ⭐ Run Main echo "mark""-001"
[steps-2.yml/bench]   | mark-001
[steps-2.yml/bench] 🏁  Job succeeded"""
_OURS = """\
run run-31a7173b3c3d: .github/workflows/steps-2.yml: x (.github/workflows/steps-2.yml) for push, 1 job
bench/1 started: Run echo "mark""-000"
bench/1 | mark-000
bench/1 success: Run echo "mark""-000" (0.2s)
bench/2 | mark-001
success in 2.0s"""


def _record(text: str, *, each_s: float = 0.5, status: int = 0) -> Record:
    lines = tuple((number * each_s, line) for number, line in enumerate(text.splitlines()))
    return Record(lines, len(lines) * each_s, status)


def _steps(number: int, *, first_s: float, each_s: float) -> Record:
    lines = tuple((first_s + index * each_s, f"  | {mark(index)}") for index in range(number))
    return Record(lines, first_s + number * each_s, 0)


@pytest.mark.parametrize("text", [_ACT, _OURS])
def test_the_first_steps_output_is_told_from_its_command(text: str) -> None:
    assert _record(text).first_step_s(2) == 1.0


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (_record(_ACT, status=1), r"ended with status 1:\n(.|\n)*Job succeeded"),
        (_record(_ACT.replace("| mark-001", "|")), r"no step printed mark-001:\n(.|\n)*Job succeeded"),
    ],
)
def test_a_run_that_failed_or_lacks_a_step_is_no_measurement(given: Record, reason: str) -> None:
    with pytest.raises(PeerFailed, match=reason):
        given.first_step_s(2)


def test_a_step_costs_the_difference_of_two_runs() -> None:
    assert per_step_s((2, 1.0), (22, 3.0)) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="2 steps are not more than 2"):
        per_step_s((2, 1.0), (2, 3.0))


def test_lines_are_kept_with_their_times_in_order(tmp_path: Path) -> None:
    program = "import sys; print('one'); sys.stderr.write('two\\n'); sys.exit(3)"
    made = record([sys.executable, "-u", "-c", program], tmp_path, os.environ)

    assert [line for _, line in made.lines] == ["one", "two"]
    assert made.status == 3
    assert 0 < made.lines[0][0] <= made.lines[1][0] <= made.duration_s


def test_the_workflow_has_the_steps_and_no_mark_in_its_text() -> None:
    text = workflow_text(3)
    read = read_workflow(text, "steps.yml")

    assert read.workflow is not None
    assert text.count("- run:") == 3
    assert [mark(number) in text for number in range(3)] == [False] * 3


def _times(first_s: float, each_s: float) -> PeerTimes:
    times = PeerTimes()
    for late_s in (0.0, 0.1, 5.0):  # the last one is an outlier
        few = _steps(FEW, first_s=first_s + late_s, each_s=each_s)
        times.add(few, _steps(MANY, first_s=first_s + late_s, each_s=each_s))
    return times


def test_ours_is_set_against_act_and_targets_are_about_docker() -> None:
    times = {Peer.HIT: _times(0.3, 0.1), Peer.DOCKER: _times(0.7, 0.4), Peer.HOST: _times(0.05, 0.01)}
    found = {(each.subject.name, each.subject.floor): each for each in compare(times, 0.5)}

    start = found["start to first step", Peer.DOCKER.value]
    assert start.figure == pytest.approx(0.4 / 0.8)
    assert start.verdict is Verdict.MET
    step = found["cost per step", Peer.DOCKER.value]
    assert step.figure == pytest.approx(0.25)
    assert step.verdict is Verdict.MISSED
    assert found["cost per step", Peer.HOST.value].verdict is Verdict.NO_TARGET
    assert len(found) == 4


def test_what_was_not_measured_is_not_compared() -> None:
    assert compare({Peer.HIT: _times(0.3, 0.1), Peer.RESTORED: _times(1.0, 0.1)}, 0.5) == []


@pytest.mark.parametrize(
    ("said", "is_wanted"), [("act version 0.2.89\n", True), ("act version 0.2.8", False), ("", False)]
)
def test_only_one_version_of_act_is_compared_with(said: str, is_wanted: bool) -> None:
    assert act.is_wanted(said) is is_wanted


def test_an_engine_of_the_benchs_own_changes_no_network_and_keeps_its_files_together(tmp_path: Path) -> None:
    arguments = docker.daemon_arguments(tmp_path)

    assert {"--bridge=none", "--iptables=false", "--ip6tables=false"} <= set(arguments)
    for option in ("--host=unix://", "--data-root=", "--exec-root=", "--pidfile="):
        assert f"{option}{tmp_path}/" in " ".join(arguments)


def test_a_machine_without_docker_is_said_to_have_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Absent, match="no `docker` on the PATH"), docker.open_engine(tmp_path):
        pass
