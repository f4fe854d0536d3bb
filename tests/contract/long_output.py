"""A step that prints very much, and what must come of it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# The peak of its own memory: `wait4` gives the larger of that and what the process had that forked it.
_PROGRAM = """
import atexit, re, sys
from pathlib import Path
from terraphim_runner.cli.app import main
def tell(peak=Path(sys.argv.pop(1))):
    peak.write_text(re.search("VmHWM: *(.+) kB", Path("/proc/self/status").read_text().replace("\\t", " "))[1])
atexit.register(tell)
main()
"""
_LINE = "{:010d} pass hunter2 over and over, as logs do say the same again and again and again\n"
_MEMORY_MIB = 150
# A thousand lines at a time are the same but for the thousand: quick to make even under emulation.
_PRINT = """\
echo ::add-mask::hunter2
exec python3 -c '
import sys
block = "".join(%s.format(n) for n in range(1000)).replace("0000000", "@", 1000)
for start in range(0, %d, 1000):
    sys.stdout.write(block.replace("@", "%%07d" %% (start // 1000)))
'
"""


def check_flood(directory: Path, settings: Mapping[str, str], mib: int) -> None:
    """Run a step that prints so much: it is complete, in order, masked, and takes bounded memory."""
    mib = int(os.environ.get("LONG_OUTPUT_MIB", mib))
    lines = mib * 1024 * 1024 // len(_LINE.format(0)) // 1000 * 1000
    repository = _repository(directory, lines)
    expected = hashlib.sha256()
    for number in range(lines):
        expected.update(_LINE.format(number).replace("hunter2", "***").encode())

    started_s = time.monotonic()
    count, digest = 0, hashlib.sha256()
    peak = directory / "peak"
    argv = [sys.executable, "-c", _PROGRAM, str(peak), "run", "--output", "json"]
    with subprocess.Popen(
        argv, cwd=repository, env=_environ(directory, settings), stdout=subprocess.PIPE
    ) as process:
        for line in _printed(process):
            count += 1
            digest.update(line.encode() + b"\n")
    memory_mib = int(peak.read_text()) / 1024
    print(f"{mib / (time.monotonic() - started_s):.0f} MiB/s, {memory_mib:.0f} MiB of memory")  # noqa: T201  # figures, for -s

    assert process.returncode == 0
    assert count == lines
    assert digest.hexdigest() == expected.hexdigest()
    assert memory_mib < _MEMORY_MIB


def _repository(directory: Path, lines: int) -> Path:
    workflows = directory / "repository/.github/workflows"
    workflows.mkdir(parents=True)
    steps = [{"run": _PRINT % (json.dumps(_LINE), lines)}]
    document = {"on": "push", "jobs": {"a": {"runs-on": "ubuntu-latest", "steps": steps}}}
    (workflows / "ci.yml").write_text(json.dumps(document))
    return workflows.parents[1]


def _environ(directory: Path, settings: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TERRAPHIM_")}
    homes = {f"XDG_{kind.upper()}_HOME": str(directory / kind) for kind in ("state", "data", "config", "cache")}
    return kept | homes | {"HOME": str(directory)} | dict(settings)


def _printed(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for event in map(json.loads, process.stdout):
        if event["event"] == "step_output":
            yield from event["lines"]
