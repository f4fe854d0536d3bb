"""What steps can do, in a real VM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.step_feature import check_events, write_repository

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.vm


def test_steps_do_in_a_vm_what_they_do_on_github(
    repository: Path, start_on_qemu: Callable[..., subprocess.Popen[str]]
) -> None:
    """Each step of the workflow checks something; here is checked what they cannot see themselves."""
    write_repository(repository)
    with start_on_qemu("run", "--output", "json") as process:
        out, _ = process.communicate(timeout=300)

    check_events(out, process.returncode)
