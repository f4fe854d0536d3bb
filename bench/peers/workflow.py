"""The workflows that are run: steps that do next to nothing, in a repository of their own."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

EVENT = "push"
LABEL = "ubuntu-latest"


def mark(number: int) -> str:
    """Give the word that a step prints, and that is in no other line: its script has it in two parts."""
    return f"mark-{number:03}"


def workflow_text(steps: int) -> str:
    """Write a workflow of one job with so many steps."""
    lines = [f'      - run: echo "mark""-{number:03}"' for number in range(steps)]
    head = f"on: {EVENT}\njobs:\n  bench:\n    runs-on: {LABEL}\n    steps:\n"
    return head + "\n".join(lines) + "\n"


def workflow_file(steps: int) -> str:
    """Give the path of that workflow in the repository."""
    return f".github/workflows/steps-{steps}.yml"


def make_repository(directory: Path, sizes: tuple[int, ...]) -> None:
    """Make a repository with a workflow of each size, committed."""
    (directory / ".github/workflows").mkdir(parents=True)
    for steps in sizes:
        (directory / workflow_file(steps)).write_text(workflow_text(steps), encoding="utf-8")
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@invalid")
    for command in (("init", "--quiet"), ("add", "--all"), (*identity, "commit", "--quiet", "--message", "Begin")):
        subprocess.run(("git", *command), cwd=directory, check=True)
