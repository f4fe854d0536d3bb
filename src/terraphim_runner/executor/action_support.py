"""What is known before a run starts to be wrong with the actions that its steps use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.executor.action_library import MAX_DEPTH
from terraphim_runner.executor.checkout_input import CHECKOUT, checkout_faults
from terraphim_runner.executor.shell import ShellInvalid, check_shell
from terraphim_runner.workflow.action import CompositeRuns
from terraphim_runner.workflow.action_reference import ContainerAction, RepositoryAction, WorkspaceAction
from terraphim_runner.workflow.step import RunStep, UsesStep

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.executor.action_library import ActionLibrary
    from terraphim_runner.workflow.action_reference import ActionReference, Repository
    from terraphim_runner.workflow.value import Template


class ActionCheck:
    """Looks at the actions of a run as far as they can be read already; one fault is told once."""

    def __init__(self, library: ActionLibrary) -> None:
        """Start without having seen any."""
        self._library = library
        self._seen: set[tuple[Repository, str]] = set()
        self.texts: dict[str, str] = {}  # of the files that faults were found in

    def faults(self, step: UsesStep) -> Iterator[Diagnostic]:
        """Find what is wrong with what a job's step uses."""
        yield from self._step_faults(step, self._library.store.own, depth=0)

    def _step_faults(self, step: UsesStep, home: Repository, *, depth: int) -> Iterator[Diagnostic]:
        reference = self._library.resolve(step.uses.value, home)
        match reference:
            case ContainerAction():
                yield _unsupported(step, f"the Docker action {step.uses}", _DOCKER_HINT)
            case RepositoryAction() if not self._library.store.has(reference.repository):
                yield from _unmapped_faults(step, reference, self._library.store.own.name)
            case _:
                yield from self._action_faults(step, reference, depth)

    def _action_faults(self, step: UsesStep, reference: ActionReference, depth: int) -> Iterator[Diagnostic]:
        own = self._library.store.own
        is_local = isinstance(reference, WorkspaceAction)
        found = RepositoryAction(own, reference.path) if isinstance(reference, WorkspaceAction) else reference
        if not isinstance(found, RepositoryAction) or (found.repository, found.path) in self._seen:
            return
        if depth >= MAX_DEPTH:
            yield _fault(step.uses.span, "action-depth", f"Actions are nested deeper than {MAX_DEPTH} levels")
            return
        self._seen.add((found.repository, found.path))
        try:
            action = self._library.find(found)
        except WorkflowError as error:
            self.texts |= error.texts
            yield from error.diagnostics
            return
        if action is None:
            if not is_local:  # one in the workspace may yet be made by an earlier step
                yield _fault(
                    step.uses.span, "no-action", f"There is no action.yml or action.yaml in '{step.uses}'"
                )
        elif isinstance(action.runs, CompositeRuns):
            yield from self._composite_faults(action.runs, found.repository, depth + 1)

    def _composite_faults(self, runs: CompositeRuns, home: Repository, depth: int) -> Iterator[Diagnostic]:
        for step in runs.steps:
            match step:
                case RunStep():
                    yield from shell_faults(step.shell)
                case UsesStep():
                    yield from self._step_faults(step, home, depth=depth)


def shell_faults(shell: Template | None) -> Iterator[Diagnostic]:
    """Find what is wrong with a `shell`, if it is written out."""
    if shell is None or shell.literal is None:
        return
    try:
        check_shell(shell.literal)
    except ShellInvalid as error:
        yield _fault(shell.span, "invalid-shell", str(error))


_DOCKER_HINT = "do the same with commands in a `run` step"


def _unmapped_faults(step: UsesStep, reference: RepositoryAction, own: str) -> Iterator[Diagnostic]:
    if reference.repository.name.lower() == CHECKOUT and not reference.path:
        yield from checkout_faults(step, own=own)
        return
    hint = f"get a copy of {reference.repository} and add --action {reference.repository}=DIR"
    yield _unsupported(step, f"the action {step.uses}", hint)


def _unsupported(step: UsesStep, feature: str, hint: str) -> Diagnostic:
    message = f"terraphim-runner does not run {feature} yet"
    return Diagnostic(step.uses.span, Severity.ERROR, "unsupported", message, hint)


def _fault(span: Span, code: str, message: str) -> Diagnostic:
    return Diagnostic(span, Severity.ERROR, code, message)
