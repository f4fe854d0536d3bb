"""A step that prints very much, on the provider `process`: `make long-output` does it with 1 GiB."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MIB = int(os.environ.get("TERRAPHIM_TEST_OUTPUT_MIB", "64"))
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
_LINES = _MIB * 1024 * 1024 // len(_LINE.format(0))
_MEMORY_MIB = 150
_PRINT = f"""\
echo ::add-mask::hunter2
exec python3 -c '
import sys
for start in range(0, {_LINES}, 1000):
    sys.stdout.write("".join({json.dumps(_LINE)}.format(n) for n in range(start, min(start + 1000, {_LINES}))))
'
"""


def test_p8_p9_a_flood_of_output_is_complete_in_order_masked_and_takes_bounded_memory(tmp_path: Path) -> None:
    workflows = tmp_path / "repository/.github/workflows"
    workflows.mkdir(parents=True)
    steps = [{"run": _PRINT}]
    document = {"on": "push", "jobs": {"a": {"runs-on": "ubuntu-latest", "steps": steps}}}
    (workflows / "ci.yml").write_text(json.dumps(document))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TERRAPHIM_")}
    homes = {f"XDG_{kind.upper()}_HOME": str(tmp_path / kind) for kind in ("state", "data", "config", "cache")}
    environ = kept | homes | {"HOME": str(tmp_path), "TERRAPHIM_PROVIDER": "process"}
    expected = hashlib.sha256()
    for number in range(_LINES):
        expected.update(_LINE.format(number).replace("hunter2", "***").encode())

    started_s = time.monotonic()
    count, digest = 0, hashlib.sha256()
    peak = tmp_path / "peak"
    argv = [sys.executable, "-c", _PROGRAM, str(peak), "run", "--output", "json"]
    with subprocess.Popen(argv, cwd=workflows.parents[1], env=environ, stdout=subprocess.PIPE) as process:
        for line in _printed(process):
            count += 1
            digest.update(line.encode() + b"\n")
    memory_mib = int(peak.read_text()) / 1024
    print(f"{_MIB / (time.monotonic() - started_s):.0f} MiB/s, {memory_mib:.0f} MiB of memory")  # noqa: T201  # figures, for -s

    assert process.returncode == 0
    assert count == _LINES
    assert digest.hexdigest() == expected.hexdigest()
    assert memory_mib < _MEMORY_MIB


def _printed(process: subprocess.Popen[bytes]) -> Iterator[str]:
    assert process.stdout is not None
    for event in map(json.loads, process.stdout):
        if event["event"] == "step_output":
            yield from event["lines"]
