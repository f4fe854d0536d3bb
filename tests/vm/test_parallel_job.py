"""Jobs of one run side by side in one VM: each has the machine to itself, every time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.vm

JOBS = 6

# What one job does to its machine, and then what it finds of the others'. They all do it at the same time.
_WORKFLOW = """\
on: push
jobs:
  rude:
    strategy:
      fail-fast: false
      matrix: {me: [1, 2, 3, 4, 5, 6]}
    runs-on: six
    env: {ME: "${{ matrix.me }}"}
    steps:
      - name: leave traces
        run: |
          test ! -e /etc/mine
          echo "$ME" | sudo tee /etc/mine /tmp/mine /var/tmp/mine ~/mine >/dev/null
          echo "127.0.1.1 job-$ME" | sudo tee -a /etc/hosts >/dev/null
          sudo hostname "job-$ME"
      - name: install a package
        run: |
          mkdir -p package/DEBIAN package/usr/bin
          printf 'Package: rude\\nVersion: %s\\nArchitecture: all\\nMaintainer: me\\nDescription: x\\n' "$ME" >package/DEBIAN/control
          printf '#!/bin/sh\\necho %s\\n' "$ME" >package/usr/bin/rude
          chmod 755 package/usr/bin/rude
          dpkg-deb --build package rude.deb >/dev/null
          if dpkg -s rude >/dev/null 2>&1; then echo "somebody's package is here"; exit 1; fi
          sudo dpkg -i rude.deb >/dev/null
      - name: bind a port
        run: |
          cat >serve.py <<'PY'
          import os, socket
          with socket.create_server(("0.0.0.0", 5432)) as server:
              while True:
                  connection, _ = server.accept()
                  connection.sendall(os.environ["ME"].encode())
                  connection.close()
          PY
          python3 -I serve.py &
          until python3 -I -c 'import socket; socket.create_connection(("127.0.0.1", 5432))' 2>/dev/null; do sleep 0.2; done
      - name: fill /tmp
        run: |
          if said=$(dd if=/dev/zero of=/tmp/full bs=1M count=100000 2>&1); then echo "there is no end to /tmp"; exit 1; fi
          rm /tmp/full
          [[ $said =~ "No space left"|"quota exceeded" ]]
      - name: kill processes
        run: |
          sleep 1000 &
          until pgrep -x sleep >/dev/null; do :; done
          sudo pkill -9 -x sleep
          sleep 1001 & echo $! >kept
      - name: find nobody else
        run: |
          kill -0 "$(cat kept)"
          for file in /etc/mine /tmp/mine /var/tmp/mine ~/mine; do test "$(cat $file)" = "$ME"; done
          test "$(hostname)" = "job-$ME"
          test "$(rude)" = "$ME"
          test "$(python3 -I -c 'import socket; print(socket.create_connection(("127.0.0.1", 5432)).recv(9).decode())')" = "$ME"
          test "$(pgrep -fc 'serve[.]py')" = 1
          echo "alone: $ME"
"""  # noqa: E501


def test_p5_jobs_at_the_same_time_neither_see_nor_disturb_each_other(
    start_on_qemu: Callable[..., subprocess.Popen[str]], repository: Path
) -> None:
    """Though they write to the same places, bind the same port, fill their disks and kill what they can see."""
    (repository / ".github/workflows/ci.yml").write_text(_WORKFLOW)
    six = {"cpus": JOBS, "memory_mib": 2048, "disk_mib": 1536}
    env = {
        "TERRAPHIM_VM_TYPES__SIX": json.dumps(six),
        "TERRAPHIM_LABELS": '{"six": "six"}',
        "TERRAPHIM_CPU_OVERCOMMIT": "6",
    }
    with start_on_qemu("run", "--output", "json", env=env) as process:
        out, err = process.communicate(timeout=300)
    events = [json.loads(line) for line in out.splitlines()]
    result = events[-1]
    lines = [line for event in events if event["event"] == "step_output" for line in event["lines"]]

    assert [job["reason"] for job in result["jobs"]] == [None] * JOBS, lines
    assert (process.returncode, err) == (0, "")
    assert sorted(line for line in lines if line.startswith("alone")) == [f"alone: {me + 1}" for me in range(JOBS)]
    assert (result["allocations"], result["releases"]) == (1, 1)
    assert _were_together(events) == JOBS


def _were_together(events: list[dict[str, str]]) -> int:
    """Count how many jobs were under way at once."""
    now = most = 0
    for event in events:
        now += {"job_started": 1, "job_finished": -1}.get(event["event"], 0)
        most = max(most, now)
    return most
