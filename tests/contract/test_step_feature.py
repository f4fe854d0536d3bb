"""What steps can do, on the provider `process`; `tests/vm/test_step_feature.py` does the same in a VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.step_feature import check_events, write_repository

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


def test_steps_do_what_they_do_on_github(repository: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    """Each step of the workflow checks something; here is checked what they cannot see themselves."""
    write_repository(repository)
    with start("run", "--output", "json") as process:
        out, _ = process.communicate(timeout=120)

    check_events(out, process.returncode)
