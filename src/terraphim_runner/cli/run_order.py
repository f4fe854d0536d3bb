"""What the user ordered with the options of `run`: values read once, the workflow file whenever it is to run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terraphim_runner.cli.source_file import current_directory, files_in
from terraphim_runner.cli.workflow_choice import choose_listener, choose_workflow, is_there
from terraphim_runner.domain.errors import UsageError
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.workflow.event_shape import EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.cli.workflow_choice import ChosenWorkflow
    from terraphim_runner.ports.action_store import ActionMapping
    from terraphim_runner.workflow.matrix_choice import MatrixChoice

_DEFAULT_EVENT = "push"
_BY_HAND = "workflow_dispatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrder:
    """The options of one call."""

    workflow: str | None
    workflows: Path | None
    event: str | None
    payload: Mapping[str, Any]
    job: str | None
    matrix: MatrixChoice
    secrets: Mapping[str, str] = field(repr=False)
    variables: Mapping[str, str]
    inputs: Mapping[str, str]
    env: Mapping[str, str]
    actions: Sequence[ActionMapping]
    vm_type: str | None

    def local_run(self) -> LocalRun:
        """Find and read the workflow as it is now.

        Raises:
            UsageError: there is no such workflow, or more than one.
            WorkflowError: the file is not text.
        """
        file, event_name = self._wanted(current_directory())
        chosen = self._choose(file, event_name)
        return LocalRun(
            directory=chosen.repository,
            file=chosen.name,
            text=chosen.text,
            event_name=event_name,
            payload=self.payload,
            inputs=self.inputs,
            job=self.job,
            matrix=self.matrix,
            env=self.env,
            secrets=self.secrets,
            variables=self.variables,
            actions=self.actions,
            vm_type=self.vm_type,
        )

    @property
    def event_name(self) -> str:
        """Give the event, also where it stands in the place of the workflow."""
        return self._wanted(current_directory())[1]

    def files(self) -> list[Path] | None:
        """Give the files that were named, or those in the directory that was; None where nothing was.

        Raises:
            UsageError: there is no such file.
        """
        directory = current_directory()
        file, event_name = self._wanted(directory)
        if self.workflows is not None and (directory / self.workflows).is_dir():
            return files_in(self.workflows)
        if file is None and self.workflows is None:
            return None
        chosen = self._choose(file, event_name)
        return [chosen.repository / chosen.name]

    def _wanted(self, directory: Path) -> tuple[Path | None, str]:
        """Give the file and the event; the name of an event that is no file's stands for the event, as in act."""
        default = self.event or (_BY_HAND if self.inputs else _DEFAULT_EVENT)
        if self.workflow is None:
            return None, default
        path = Path(self.workflow)
        if self.workflow not in EVENTS or is_there(path, directory):
            return path, default
        if self.event not in {None, self.workflow}:
            raise UsageError(f"there are two events: {self.workflow} and --event {self.event}")
        return None, self.workflow

    def _choose(self, file: Path | None, event_name: str) -> ChosenWorkflow:
        directory = current_directory()
        if self.workflows is None:
            return choose_workflow(file, event_name, directory)
        if file is not None:
            raise UsageError(f"there are two workflows: {file} and --workflows {self.workflows}")
        if (directory / self.workflows).is_dir():
            return choose_listener(directory / self.workflows, event_name, directory)
        return choose_workflow(self.workflows, event_name, directory)


def parse_matrix(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Read `KEY:VALUE`s.

    Raises:
        UsageError: one is not of this form.
    """
    values: dict[str, tuple[str, ...]] = {}
    for choice in given:
        key, has_value, value = choice.partition(":")
        if not key or not has_value:
            raise UsageError(f"--matrix {choice}: this is no KEY:VALUE", hint="--matrix os:ubuntu-latest")
        values[key] = (*values.get(key, ()), value)
    return values
