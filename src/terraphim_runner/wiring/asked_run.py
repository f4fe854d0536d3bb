"""What the user asked for, as it goes to whoever carries it out: this process, or a worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from terraphim_runner.workflow.matrix_choice import MatrixChoice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from terraphim_runner.ports.action_store import ActionMapping


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRun:
    """What the user asked for on the command line."""

    directory: Path  # of the repository
    file: str  # the workflow file as it is shown, relative to `directory`
    text: str  # its content
    event_name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)  # of workflow_dispatch
    job: str | None = None
    matrix: MatrixChoice = field(default_factory=MatrixChoice)
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict)
    vm_type: str | None = None
    actions: Sequence[ActionMapping] = ()
