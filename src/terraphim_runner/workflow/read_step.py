"""`steps:` to steps, and what is wrong with them beyond their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from terraphim_runner.expressions.value import fold_case
from terraphim_runner.workflow.identifier import StepIds, step_stem
from terraphim_runner.workflow.node import MappingNode, Node, SequenceNode
from terraphim_runner.workflow.read_value import (
    flag,
    is_true,
    number,
    scalar,
    template,
    template_map,
    text,
    texts,
)
from terraphim_runner.workflow.step import (
    CancelStep,
    ParallelStep,
    RunStep,
    Step,
    UsesStep,
    WaitAllStep,
    WaitStep,
)
from terraphim_runner.workflow.template import make_condition
from terraphim_runner.workflow.uses import action_fault

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Condition, Flag, Number, Template, TemplateMap, Text

_KINDS = ("run", "uses", "wait", "wait-all", "cancel", "parallel")


def read_steps(node: Node | None, report: Report, *, in_action: bool = False) -> tuple[Step, ...]:
    """Read the steps of a job or of a composite action; there, GitHub does not mind a doubtful id."""
    return _StepReader(report, in_action=in_action).read(node)


class _StepReader:
    def __init__(self, report: Report, *, in_action: bool) -> None:
        self._report = report
        self._report_id = report.warning if in_action else report.error
        self._ids = StepIds()
        self._written: dict[int, Text] = {}  # by the identity of the step's node
        self._known: set[str] = set()  # ids of the steps so far, as a wait may name them
        self._block = ""  # the id of the parallel block we are in: its steps do not count among the job's

    def read(self, node: Node | None) -> tuple[Step, ...]:
        self._take_ids(node)
        return tuple(self._steps(node))

    def _take_ids(self, node: Node | None) -> None:
        """Take every written id before any is made up."""
        for item in _mappings(node):
            written = text(item.get("id"))
            if written is not None and (fault := self._ids.take(written.value)) is not None:
                self._report_id(written.span, "bad-step-id", fault)
            if written is not None:
                self._written.setdefault(id(item), written)
            self._take_ids(item.get("parallel"))

    def _steps(self, node: Node | None) -> list[Step]:
        steps = [self._step(item) for item in _mappings(node)]
        return [step for step in steps if step is not None]

    def _step(self, node: MappingNode) -> Step | None:
        kind = next((key for key in _KINDS if node.get(key) is not None), None)
        match kind:
            case "run":
                step: Step | None = self._run(node)
            case "uses":
                step = self._uses(node)
            case "parallel":
                step = self._parallel(node)
            case None:
                step = None
            case _:
                step = self._wait(node, kind)
        if (written := self._written.get(id(node))) is not None:
            self._known.add(written.value)
        return step

    def _head(self, node: MappingNode, stem: str) -> _Head:
        written = self._written.get(id(node))
        return _Head(
            id=self._ids.make(self._block + stem) if written is None else written.value,
            span=node.span,
            written_id=written,
            name=template(node.get("name")),
            continue_on_error=flag(node.get("continue-on-error")),
        )

    def _work(self, node: MappingNode) -> _Work:
        return _Work(
            condition=make_condition(scalar(node, "if"), node.span),
            env=template_map(node.get("env")),
            timeout_minutes=number(node.get("timeout-minutes")),
            background=is_true(node.get("background")),
        )

    def _run(self, node: MappingNode) -> RunStep | None:
        run = template(node.get("run"))
        if run is None:
            return None
        shell, directory = template(node.get("shell")), template(node.get("working-directory"))
        head, work = self._head(node, step_stem(None)), self._work(node)
        return RunStep(**head, **work, run=run, shell=shell, working_directory=directory)

    def _uses(self, node: MappingNode) -> UsesStep | None:
        uses = text(node.get("uses"))
        if uses is None:
            return None
        if uses.value and (fault := action_fault(uses.value)) is not None:
            self._report.error(uses.span, "bad-uses", fault)
        head, work = self._head(node, step_stem(uses.value)), self._work(node)
        return UsesStep(**head, **work, uses=uses, with_=template_map(node.get("with")))

    def _wait(self, node: MappingNode, kind: str) -> Step | None:
        head, targets = self._head(node, kind), texts(node.get(kind))
        if kind == "wait-all":
            value = scalar(node, kind)
            if value is not None and value.value is False:
                message = "The value of 'wait-all' must be true or omitted"
                self._report.error(value.span, "bad-wait-all", message)
            return WaitAllStep(**head)
        for target in targets:
            self._check_target(target, head["written_id"])
        if kind == "wait":
            return WaitStep(**head, wait=targets)
        return CancelStep(**head, cancel=targets[0]) if targets else None

    def _check_target(self, target: Text, own: Text | None) -> None:
        fault = None
        if target.value.startswith("__"):
            fault = f"The identifier '{target}' is invalid. IDs starting with '__' are reserved."
        elif own is not None and fold_case(own.value) == fold_case(target.value):
            fault = f"Step '{own}' cannot reference itself"
        elif target.value not in self._known:
            fault = f"Step references unknown step ID '{target}'"
        if fault is not None:
            hint = self._report.did_you_mean(target.value, self._known) or "name the id of a step before this one"
            self._report.error(target.span, "unknown-step", fault, hint)

    def _parallel(self, node: MappingNode) -> ParallelStep:
        inner = node.get("parallel")
        for item in _mappings(inner):
            self._check_parallel(item)
        head, outer = self._head(node, "parallel"), self._block
        self._block = f"{head['id']}_".removeprefix("__")
        steps = tuple(step for step in self._steps(inner) if isinstance(step, RunStep | UsesStep))
        self._block = outer
        return ParallelStep(**head, steps=steps)

    def _check_parallel(self, item: MappingNode) -> None:
        for key in ("wait", "wait-all", "cancel", "background", "parallel"):
            if item.get(key) is not None:
                message = f"'{key}' is not allowed inside a parallel block."
                if key == "parallel":
                    message = "Nested 'parallel' blocks are not allowed."
                name = next(name for name, _ in item.entries if name.string() == key)
                self._report.error(name.span, "not-in-parallel", message, _PARALLEL_HINT)


_PARALLEL_HINT = "the steps of a parallel block run in the background, and the block waits for all of them"


class _Head(TypedDict):
    id: str
    span: Span
    written_id: Text | None
    name: Template | None
    continue_on_error: Flag | Template | None


class _Work(TypedDict):
    condition: Condition
    env: TemplateMap | Template | None
    timeout_minutes: Number | Template | None
    background: bool


def _mappings(node: Node | None) -> list[MappingNode]:
    items = node.items if isinstance(node, SequenceNode) else []
    return [item for item in items if isinstance(item, MappingNode)]
