"""Workflows that a workflow calls, where they can be found without a network: beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.call import WorkflowLoader

if TYPE_CHECKING:
    from pathlib import Path


def local_loader(repository: Path) -> WorkflowLoader:
    """Find called workflows in this repository, by path; those of other repositories are not found."""

    def resolve(reference: str) -> str | None:
        path = repository / reference
        try:
            if "@" in reference or not path.is_file() or repository.resolve() not in path.resolve().parents:
                return None
            return path.read_text(encoding="utf-8", errors="replace")
        except OSError:  # a name that is too long, a file that is kept from us
            return None

    return WorkflowLoader(resolve)
