"""A step that takes too much is stopped or throttled as configured, and the run says by which quota."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.vm

_MEMORY = 'python3 -c \'x = b""\nwhile True: x += b"x" * (8 << 20)\''
_FORKS = "for i in $(seq 200); do sleep 60 & done"
_DISK = "head -c 4G /dev/zero > fill"
_BURN = "python3 -c 'import time; end = time.monotonic() + 8\nwhile time.monotonic() < end: pass'"
_READ = "sync; sudo sh -c 'echo 3 > /proc/sys/vm/drop_caches'; head -c 40M /dev/urandom > big; sync"


@pytest.fixture
def run(
    start: Callable[..., subprocess.Popen[str]], qemu_settings: Callable[..., dict[str, str]], repository: Path
) -> Callable[..., list[dict[str, Any]]]:
    """Run steps in a small VM with quotas, each one whatever became of those before it; give the events."""

    def run(*scripts: str, **quota: float) -> list[dict[str, Any]]:
        steps = json.dumps([{"run": script, "if": "always()"} for script in scripts])
        text = f"on: push\njobs: {{a: {{runs-on: ubuntu-latest, steps: {steps}}}}}\n"
        (repository / ".github/workflows/ci.yml").write_text(text)
        with start("run", "--output", "json", env=qemu_settings(**quota)) as process:
            out, err = process.communicate(timeout=240)
        assert err == ""
        return [json.loads(line) for line in out.splitlines()]

    return run


def _said(events: list[dict[str, Any]]) -> str:
    """Give what the step is annotated with; the machine must outlive what it did."""
    (step,) = [event for event in events if event["event"] == "step_finished"]
    assert step["conclusion"] == "failure"
    assert events[-1]["error"] is None
    return "\n".join(event["message"] for event in events if event["event"] == "annotation")


def test_too_much_memory_is_said_to_be_that(run: Callable[..., list[dict[str, Any]]]) -> None:
    """The job's process is killed, not the VM."""
    assert "out of memory: 1 process was killed at the job's limit of" in _said(run(_MEMORY))


def test_too_many_processes_are_said_to_be_that(run: Callable[..., list[dict[str, Any]]]) -> None:
    """With the quota that was set."""
    assert "too many processes: the job's limit of 64 was reached" in _said(run(_FORKS, processes=64))


def test_a_full_disk_is_said_to_be_that(run: Callable[..., list[dict[str, Any]]]) -> None:
    """The write fails, and the VM goes on."""
    assert "disk full: the job has written all of its" in _said(run(_DISK))


def test_a_full_disk_keeps_no_step_from_running(run: Callable[..., list[dict[str, Any]]]) -> None:
    """A step that tidies up can still be started, and say something to the runner."""
    events = run(_DISK, 'echo "answer=42" >>"$GITHUB_OUTPUT"; rm fill', "true >written")
    ends = [event["conclusion"] for event in events if event["event"] == "step_finished"]
    assert ends == ["failure", "success", "success"]


def test_a_cpu_limit_throttles_and_is_named(run: Callable[..., list[dict[str, Any]]]) -> None:
    """A run that burns half a processor instead of one gets there all the same."""
    events = run(_BURN, cpu_limit=0.5)
    (step,) = [event for event in events if event["event"] == "step_finished"]
    messages = [event["message"] for event in events if event["event"] == "notice"]
    usage = events[-1]["usage"]
    if not usage["cpu_throttled_s"]:
        pytest.skip("this machine has no control group for processors")

    assert events[-1]["conclusion"] == "success"
    assert usage["cpu_s"] <= 0.75 * (step["duration_s"] + 3)
    assert any("by cpu_limit = 0.5 of VM type default" in message for message in messages)


def test_an_io_limit_throttles(run: Callable[..., list[dict[str, Any]]]) -> None:
    """40 MiB at 4 MiB/s cannot be written in less than ten seconds, but for a first burst."""
    events = run(_READ, io_mib_s=4)
    (step,) = [event for event in events if event["event"] == "step_finished"]

    assert step["conclusion"] == "success"
    assert step["duration_s"] >= 8
    assert events[-1]["usage"]["disk_written_bytes"] >= 40 << 20


# The greedy job's processes are far smaller than the modest job's one: who is largest is not who has taken most.
_SIDE_BY_SIDE = """\
on: push
env:
  AVAILABLE: |
    def available():
        values = dict(line.split(":") for line in open("/proc/meminfo"))
        return int(values["MemAvailable"].split()[0]) / int(values["MemTotal"].split()[0])
jobs:
  greedy:
    runs-on: two
    steps:
      - shell: python
        run: |
          import os, time
          exec(os.environ["AVAILABLE"])
          while available() > 0.65:  # until the modest job has what it wants
              time.sleep(0.05)
          while True:
              ready, done = os.pipe()
              if os.fork() == 0:
                  taken = b"x" * (16 << 20)
                  os.write(done, b"x")
                  time.sleep(1000)
              os.close(done)
              os.read(ready, 1)
              os.close(ready)
              if os.waitpid(-1, os.WNOHANG)[0]:
                  raise SystemExit("one of them was killed")
  modest:
    runs-on: two
    steps:
      - shell: python
        run: |
          import os, time
          exec(os.environ["AVAILABLE"])
          taken = b"x" * (150 << 20)
          while available() > 0.35:  # until the greedy job has taken what it can
              time.sleep(0.05)
          while available() < 0.4:  # until it is gone
              time.sleep(0.05)
          print("still here:", len(taken))
"""


def test_who_takes_too_much_fails_alone_beside_a_job_that_does_not(
    start_on_qemu: Callable[..., subprocess.Popen[str]], repository: Path
) -> None:
    """Though the other has the largest process of all, and there is no limit but what they share."""
    (repository / ".github/workflows/ci.yml").write_text(_SIDE_BY_SIDE)
    env = {
        "TERRAPHIM_VM_TYPES__TWO": json.dumps({"cpus": 2, "memory_mib": 512, "disk_mib": 1024}),
        "TERRAPHIM_LABELS": '{"two": "two"}',
    }
    with start_on_qemu("run", "--output", "json", env=env) as process:
        out, _ = process.communicate(timeout=240)
    events = [json.loads(line) for line in out.splitlines()]
    greedy, modest = events[-1]["jobs"]
    told = [(event["job"], event["message"]) for event in events if event["event"] == "annotation"]

    assert (greedy["conclusion"], modest["conclusion"], events[-1]["error"]) == ("failure", "success", None), out
    assert [job for job, message in told if "out of memory" in message] == ["greedy"]
    assert "killed at the job's limit of" in greedy["reason"]
    assert "MiB, its share while 2 jobs may run at once" in greedy["reason"]
