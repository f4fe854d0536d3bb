"""Actions that lie on this machine, read once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity, Span
from terraphim_runner.domain.errors import HostError, WorkflowError
from terraphim_runner.workflow.action import CompositeRuns, DockerRuns, NodeRuns
from terraphim_runner.workflow.action_reference import (
    Repository,
    RepositoryAction,
    SelfAction,
    parse_action_reference,
)
from terraphim_runner.workflow.read_action import read_action
from terraphim_runner.workflow.step import UsesStep

if TYPE_CHECKING:
    from terraphim_runner.ports.action_store import ActionFile, ActionStore
    from terraphim_runner.ports.vm import Tree
    from terraphim_runner.workflow.action import Action
    from terraphim_runner.workflow.action_reference import ActionReference

MAX_DEPTH = 10  # GitHub's: so deep may actions be nested


def read_manifest(file: ActionFile) -> Action:
    """Read an action's file as the runner does, which minds less than the editor.

    Raises:
        WorkflowError: it has faults, or is a Docker action.
    """
    if file.text is None:
        raise WorkflowError([_is_docker(Span(file.name, Position(1, 1), Position(1, 1)))])
    result = read_action(file.text, file.name, lenient=True)
    texts = {file.name: file.text}
    if result.action is None:
        errors = [fault for fault in result.diagnostics if fault.severity is Severity.ERROR]
        raise WorkflowError(errors, texts=texts)
    if isinstance(result.action.runs, DockerRuns):
        raise WorkflowError([_is_docker(result.action.runs.using.span)], texts=texts)
    return result.action


def _is_docker(span: Span) -> Diagnostic:
    message = "terraphim-runner does not run Docker actions yet"
    return Diagnostic(span, Severity.ERROR, "unsupported", message, "do the same with commands in a `run` step")


class NoActions:
    """An `ActionStore` without a repository."""

    own = Repository("", "")

    def has(self, repository: Repository) -> bool:
        """Say no."""
        del repository
        return False

    def read(self, repository: Repository, path: str) -> ActionFile | None:
        """Find nothing."""
        del repository, path
        return None

    async def tree(self, repository: Repository) -> Tree:
        """Refuse.

        Raises:
            HostError: always.
        """
        raise HostError(f"{repository} is not on this machine")


class ActionLibrary:
    """The actions of the repositories in a store."""

    def __init__(self, store: ActionStore) -> None:
        """Read nothing yet."""
        self.store = store
        self._actions: dict[RepositoryAction, Action | None] = {}

    def resolve(self, uses: str, home: Repository) -> ActionReference:
        """Say what a step uses that is written in a file of the repository `home`."""
        reference = parse_action_reference(uses)
        return RepositoryAction(home, reference.path) if isinstance(reference, SelfAction) else reference

    def find(self, reference: RepositoryAction) -> Action | None:
        """Read an action; None if there is none at that path.

        Raises:
            WorkflowError: it has faults, or is a Docker action.
            HostError: it cannot be read.
        """
        if reference not in self._actions:
            file = self.store.read(reference.repository, reference.path)
            self._actions[reference] = None if file is None else read_manifest(file)
        return self._actions[reference]

    def has_pre(self, reference: RepositoryAction, *, depth: int = 0) -> bool:
        """Tell whether an action, or one that is nested in it, has a `pre` stage.

        Raises:
            WorkflowError | HostError: as `find`.
        """
        action = self.find(reference) if depth < MAX_DEPTH else None
        match action and action.runs:
            case NodeRuns(pre=pre):
                return pre is not None
            case CompositeRuns(steps=steps):
                uses = (step.uses.value for step in steps if isinstance(step, UsesStep))
                nested = (self.resolve(each, reference.repository) for each in uses)
                return any(
                    self.has_pre(each, depth=depth + 1) for each in nested if isinstance(each, RepositoryAction)
                )
            case _:
                return False
