"""A short fault campaign; `make faults` is the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from terraphim_runner.ports.image import ImageStore

pytestmark = [pytest.mark.vm, pytest.mark.timeout(1200)]

_ROOT = Path(__file__).parents[2]


def test_p3_whatever_befalls_ten_runs_each_is_judged_and_nothing_is_left(images: ImageStore) -> None:
    """Real runs by the real command line: killed, interrupted, broken from within. The seed picks the gravest."""
    campaign = [sys.executable, "-m", "bench.faults", "--runs", "10", "--seed", "18", "--image"]

    result = subprocess.run(
        [*campaign, images.find("debian-12").digest], cwd=_ROOT, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout + result.stderr
    assert "passed" in result.stdout
