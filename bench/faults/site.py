"""Where the campaign takes place: directories of its own, so that whatever is left can be seen."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bench.faults import leftover
from bench.faults.fault import workflow_text

from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings

if TYPE_CHECKING:
    from bench.faults.fault import Fault

_DISK_MIB = 263  # nobody else asks for so much: the template is the campaign's own
_CONFIG = """max_concurrent_sessions = 1
[vm_types.default]
image = "{image}"
cpus = 1
memory_mib = 512
disk_mib = {disk_mib}
"""
_GRACE_S = 5.0
_POLL_S = 0.05


class Site:
    """A repository, a state directory, a temporary directory; images and templates are the user's."""

    def __init__(self, directory: Path, image: str | None = None) -> None:
        """Make everything below `directory`; without `image` it is that of the user's default VM type."""
        self.directory = directory
        self.repository = directory / "repository"
        self.state = directory / "terraphim-runner"
        self.temporary = directory / "tmp"
        settings = load_settings({}, os.environ, HostCapacity.measure())
        self._templates = settings.data_dir / "templates"
        config = directory / "config.toml"
        config.write_text(_CONFIG.format(image=image or settings.vm_type("default").image, disk_mib=_DISK_MIB))
        own = {"XDG_STATE_HOME": directory, "TMPDIR": self.temporary, "TERRAPHIM_CONFIG": config}
        self.environ = {**os.environ, **{name: str(path) for name, path in own.items()}}
        self.temporary.mkdir()
        self._make_repository()
        self._mounts = leftover.mounts()

    @property
    def command(self) -> tuple[str, ...]:
        """The command line of a run."""
        return str(Path(sys.executable).with_name("terraphim-runner")), "run", "--output", "json"

    def write_workflow(self, fault: Fault) -> None:
        """Make this the repository's workflow."""
        (self.repository / ".github" / "workflows" / "ci.yml").write_text(workflow_text(fault))

    def remove_template(self) -> None:
        """Remove the campaign's template, if there is one."""
        for manifest in self._templates.glob("*/manifest.json"):
            with suppress(OSError, ValueError, KeyError):
                if json.loads(manifest.read_text())["ingredients"]["disk_mib"] == _DISK_MIB:
                    shutil.rmtree(manifest.parent)
                    manifest.parent.with_name(f"{manifest.parent.name}.lock").unlink(missing_ok=True)

    async def check_processes(self) -> list[str]:
        """Tell which processes are left, after a moment to end."""
        clock = SystemClock()
        deadline_s = clock.monotonic_s() + _GRACE_S
        while (left := leftover.processes(self.directory)) and clock.monotonic_s() < deadline_s:
            await clock.sleep_s(_POLL_S)
        return left

    async def check(self) -> list[str]:
        """Tell everything that is left when the last run was a good one."""
        return [
            *await self.check_processes(),
            *leftover.unbalanced_sessions(self.state / "ledger.jsonl"),
            *leftover.files(self.state, self.temporary),
            *(f"mount {mount}" for mount in leftover.mounts() - self._mounts if str(self.directory) in mount),
            *leftover.control_groups(self.state),
            *(f"{path} in {self._templates}" for path in leftover.unfinished_templates(self._templates)),
        ]

    def _make_repository(self) -> None:
        (self.repository / ".github" / "workflows").mkdir(parents=True)
        (self.repository / "README.md").write_text("A repository for faults.\n")
        git = ("git", "-C", str(self.repository), "-c", "user.name=faults", "-c", "user.email=faults@localhost")
        for words in (("init", "--quiet"), ("add", "--all"), ("commit", "--quiet", "--message", "Begin")):
            subprocess.run([*git, *words], check=True)
