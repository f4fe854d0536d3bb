"""The rows of act's own table of runs, and which of them concern us."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parents[3] / "shared" / "conformance" / "act-workflows"
HANDED_OVER = CORPUS / "remote-actions/nektos__act-test-actions"  # of JavaScript, only what describes it
_RUNNABLE = ("actions/checkout@", "nektos/act-test-actions/composite@", "nektos/act-test-actions/script@")

# What act does otherwise than GitHub, or under circumstances of its tests, beside what the table marks.
_DEVIATIONS = {
    "TestPullAndPostStepFailureIsJobFailure/checkout/push": "act is given a container image that it cannot pull; "
    "the same file without that has to succeed, and does as TestRunEvent/checkout/push",
    "TestRunEvent/workdir/push": "act's container runs steps as root; on GitHub the user runner may not "
    "enter /root",
}


@dataclass(frozen=True)
class Case:
    """One row."""

    row: dict[str, Any]

    @property
    def id(self) -> str:
        """The row's name."""
        return str(self.row["id"])

    @property
    def is_expected_to_succeed(self) -> bool:
        """Whether the run has to be a success."""
        return bool(self.row["expect_success"])

    @property
    def needs_a_machine(self) -> bool:
        """Whether the row is about a run, not only about reading or planning."""
        return not any(self.row.get(key) for key in ("plan_only", "parse_only", "dryrun"))

    @property
    def files(self) -> list[str]:
        """The workflow files, relative to the corpus."""
        return list(self.row["workflow_files"])

    @property
    def ineligible(self) -> str | None:
        """Why the row is none of those that have to give the expected result; None if it is one."""
        row, requires = self.row, self.row["requires"]
        remote = [use for use in requires["remote_uses"] if not use.startswith(_RUNNABLE)]
        reasons = [
            ("act deviates from GitHub", row.get("act_deviation") or _DEVIATIONS.get(self.id)),
            ("another operating system", row.get("os") or requires["windows"]),
            ("Docker", self.needs_a_machine and requires["docker"]),
            ("a remote action", self.needs_a_machine and ", ".join(remote)),
            ("the internet", requires["network_install"]),
        ]
        return next((f"{what}: {why}" if isinstance(why, str) else what for what, why in reasons if why), None)


def load_cases() -> list[Case]:
    """Read the table; there are none where it is not."""
    path = CORPUS / "cases.json"
    if not path.exists():
        return []
    return [Case(row) for row in json.loads(path.read_text(encoding="utf-8"))["cases"]]
