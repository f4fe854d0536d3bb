"""A job that calls a workflow: finding what is called, and the rules both sides must keep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.domain.errors import WorkflowError
from terraphim_runner.expressions.scope import Scope
from terraphim_runner.expressions.value import Object, fold_case
from terraphim_runner.workflow.combination import mapping
from terraphim_runner.workflow.evaluation import evaluate_template, evaluate_value, refuse
from terraphim_runner.workflow.event import WorkflowCall
from terraphim_runner.workflow.input import default_value, typed_value
from terraphim_runner.workflow.job import CallJob
from terraphim_runner.workflow.permission import granted, permission_faults
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.reference import contexts_of
from terraphim_runner.workflow.suggestion import did_you_mean
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.value import Value as Data
    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.event import Input
    from terraphim_runner.workflow.permission import Grant
    from terraphim_runner.workflow.value import Text, Value, ValueMap

    Resolve = Callable[[str], str | None]

MAX_NESTED = 9  # levels below the run's own workflow
MAX_CALLED = 50  # different workflows
_MAX_LOADS = 10_000  # a small tree of files can make a large tree of calls

_LOCAL = ("./", "$/")
_INVALID = "called-workflow-invalid"
_NO_FAULTS = frozenset({"remote-workflow", _INVALID})  # of a call: not here, or judged by the faults in it
_REMOTE = re.compile(r"(?P<repository>[^/]+/[^/]+)/\.github/workflows/[^/@]+@(?P<ref>.+)")


class WorkflowLoader:
    """Finds, reads and keeps the workflows that one run calls."""

    def __init__(self, resolve: Resolve, *, max_nested: int = MAX_NESTED) -> None:
        """Take what gives a file's text: by its path in the repository, or by `owner/name/path@ref`.

        It answers None for what it does not have.
        """
        self._resolve = resolve
        self._max_nested = max_nested
        self._read: dict[str, Workflow] = {}
        self._loads = 0

    def load(self, job: CallJob, callers: Sequence[str]) -> Workflow:
        """Give the workflow that a job calls; `callers` are the files above it, the outermost first.

        Raises:
            WorkflowError: it cannot be had, has errors, or there are too many or too deep calls.
        """
        reference = qualify(job.uses.value, callers[-1])
        self._check_limits(job, reference, callers)
        if reference not in self._read:
            self._read[reference] = self._fetch(job, reference)
        return self._read[reference]

    def _check_limits(self, job: CallJob, reference: str, callers: Sequence[str]) -> None:
        self._loads += 1
        if reference in callers:
            chain = " calls ".join((*callers[callers.index(reference) :], reference))
            refuse(job.uses.span, "call-cycle", f"The workflows call each other: {chain}")
        if len(callers) > self._max_nested:
            message = f"Nested reusable workflow depth exceeded {self._max_nested}."
            hint = f"it is nested so: {' calls '.join((*callers, reference))}"
            refuse(job.uses.span, "calls-too-deep", message, hint)
        if self._loads > _MAX_LOADS or len({*self._read, reference}) > MAX_CALLED:
            refuse(job.uses.span, "too-many-calls", f"A run may call at most {MAX_CALLED} different workflows")

    def _fetch(self, job: CallJob, reference: str) -> Workflow:
        text = self._resolve(reference)
        if text is None:
            refuse_missing(job.uses, reference)
        result = read_workflow(text, reference)
        if result.workflow is None:
            message = f"The called workflow '{reference}' has errors"
            own = Diagnostic(job.uses.span, Severity.ERROR, _INVALID, message)
            raise WorkflowError([own, *(each for each in result.diagnostics if each.severity is Severity.ERROR)])
        return result.workflow


def qualify(uses: str, caller: str) -> str:
    """Say which file a `uses` means; a local one in a remote workflow is in that workflow's repository."""
    if not uses.startswith(_LOCAL):
        return uses
    path = uses[len(_LOCAL[0]) :]
    remote = _REMOTE.fullmatch(caller)
    return path if remote is None else f"{remote['repository']}/{path}@{remote['ref']}"


def refuse_missing(uses: Text, reference: str) -> NoReturn:
    """Say that a called workflow cannot be had.

    Raises:
        WorkflowError: always.
    """
    if _REMOTE.fullmatch(reference):
        message = f"The workflow '{reference}' of another repository is not available here"
        hint = "call a copy in this repository with ./.github/workflows/FILE"
        refuse(uses.span, "remote-workflow", message, hint)
    refuse(uses.span, "workflow-not-found", f"There is no file '{reference}' in this repository")


def trigger_of(job: CallJob, workflow: Workflow) -> WorkflowCall:
    """Give the called side's declaration.

    Raises:
        WorkflowError: the workflow cannot be called, or the call breaks its rules; every fault at once.
    """
    trigger = workflow.trigger("workflow_call")
    if not isinstance(trigger, WorkflowCall):
        place = workflow.triggers[0].name.span if workflow.triggers else job.uses.span
        message = "workflow_call key is not defined in the referenced workflow."
        refuse(place, "not-reusable", message, f"add it to `on`; {job.uses.span.file} calls it as '{job.uses}'")
    if faults := [*_input_faults(job, trigger), *_secret_faults(job, trigger)]:
        raise WorkflowError(faults)
    return trigger


def call_inputs(job: CallJob, trigger: WorkflowCall, scope: Scope, callee: Scope) -> Object:
    """Compute the `inputs` of the called workflow: what is given in the caller's scope, defaults in its own.

    Raises:
        WorkflowError: something cannot be evaluated or is not of its type; every fault at once.
    """
    given = {fold_case(name): (data, span) for name, data, span in _given(job, scope)}
    faults: list[Diagnostic] = []
    values: list[tuple[str, Data]] = []
    for declared in trigger.inputs:
        found = given.get(fold_case(declared.name.value))
        try:
            data = default_value(declared, callee) if found is None else typed_value(declared, *found)
            values.append((declared.name.value, data))
        except WorkflowError as error:
            faults += error.diagnostics
    if faults:
        raise WorkflowError(faults)
    return Object(values)


def _given(job: CallJob, scope: Scope) -> Iterator[tuple[str, Data, Span]]:
    if isinstance(job.with_, Template):
        data = mapping(evaluate_template(job.with_, scope), job.with_.span, "with")
        yield from ((name, item, job.with_.span) for name, item in data.items())
    elif job.with_ is not None:
        for key, value in job.with_.entries:
            yield str(key), evaluate_value(value, scope), value.span


def contexts_of_call(job: CallJob) -> frozenset[str]:
    """Name the contexts that the call's inputs look at."""
    return frozenset[str]() if job.with_ is None else contexts_of(job.with_)


def _input_faults(job: CallJob, trigger: WorkflowCall) -> Iterator[Diagnostic]:
    if isinstance(job.with_, Template):
        return
    names = [declared.name.value for declared in trigger.inputs]
    given = _keys(job.with_)
    values = {} if job.with_ is None else {fold_case(str(key)): value for key, value in job.with_.entries}
    for declared in trigger.inputs:
        yield from _type_faults(declared, declared.default)
        yield from _type_faults(declared, values.get(fold_case(declared.name.value)))
        if declared.required and fold_case(declared.name.value) not in given:
            message = f"Input {declared.name} is required, but not provided while calling."
            yield _fault(job.uses.span, "missing-input", message, f"add it under `with`: {declared.name}: VALUE")
    yield from _undefined(given.values(), "input", names)


def _type_faults(declared: Input, value: Value | None) -> Iterator[Diagnostic]:
    """Check what is written and not computed: the rest is known when the run is planned."""
    if value is None or (isinstance(value, Template) and value.literal is None):
        return
    try:
        typed_value(declared, evaluate_value(value, Scope({})), value.span)
    except WorkflowError as error:
        yield from error.diagnostics


def _secret_faults(job: CallJob, trigger: WorkflowCall) -> Iterator[Diagnostic]:
    if job.inherit_secrets or isinstance(job.secrets, Template):
        return
    given = _keys(job.secrets)
    for declared in trigger.secrets:
        if declared.required and fold_case(declared.name.value) not in given:
            message = f"Secret {declared.name} is required, but not provided while calling."
            hint = "add it under `secrets`, or write `secrets: inherit`"
            yield _fault(job.uses.span, "missing-secret", message, hint)
    yield from _undefined(given.values(), "secret", [declared.name.value for declared in trigger.secrets])


def _undefined(given: Iterable[Text | Template], what: str, names: Sequence[str]) -> Iterator[Diagnostic]:
    known = set(map(fold_case, names))
    for key in given:
        if fold_case(str(key)) not in known:
            message = f"Invalid {what}, {key} is not defined in the referenced workflow."
            hint = did_you_mean(str(key), names) or f"it defines: {', '.join(names) or 'none'}"
            yield _fault(key.span, f"unknown-{what}", message, hint)


def _keys(given: ValueMap | None) -> dict[str, Text | Template]:
    return {} if given is None else {fold_case(str(key)): key for key, _ in given.entries}


def _fault(span: Span, code: str, message: str, hint: str | None) -> Diagnostic:
    return Diagnostic(span, Severity.ERROR, code, message, hint)


def check_calls(
    workflow: Workflow, loader: WorkflowLoader, callers: Sequence[str] = (), grant: Grant = None
) -> Iterator[Diagnostic]:
    """Give what is wrong with a workflow's calls, with the workflows it calls, and with their calls.

    Workflows of other repositories that cannot be had are passed over: that may be no fault of this file.
    `grant` is what jobs may do for which nothing is written.
    """
    grant = granted(workflow.permissions, grant)
    chain = (*callers, workflow.file)
    for job in workflow.jobs:
        if not isinstance(job, CallJob):
            continue
        try:
            called = loader.load(job, chain)
            trigger_of(job, called)
        except WorkflowError as error:
            yield from (each for each in error.diagnostics if each.code not in _NO_FAULTS)
        else:
            own_grant = granted(job.permissions, grant)
            yield from permission_faults(job, called, own_grant)
            yield from check_calls(called, loader, chain, own_grant)
