"""Which machine a run needs: from `runs-on` labels to one VM type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.expressions.value import Array, Object, is_primitive, kind_of, to_string
from terraphim_runner.workflow.evaluation import evaluate_string, evaluate_template, refuse
from terraphim_runner.workflow.suggestion import did_you_mean
from terraphim_runner.workflow.value import Template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.expressions.scope import Scope
    from terraphim_runner.expressions.value import Value as Data
    from terraphim_runner.workflow.job import RunsOn
    from terraphim_runner.workflow.sized_label import SizeRange


@dataclass(frozen=True, slots=True)
class Label:
    """One label that a job asks for, and where it does."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Demand:
    """What one job leg asks for with `runs-on`: a machine that has all these labels."""

    labels: tuple[Label, ...]
    span: Span
    group: str | None = None

    def __str__(self) -> str:
        """Print the labels as an author would write them."""
        texts = ", ".join(label.text for label in self.labels)
        return texts if len(self.labels) == 1 else f"[{texts}]"


def evaluate_runs_on(runs_on: RunsOn, scope: Scope) -> Demand:
    """Compute what a `runs-on` asks for; an expression may give one label, a list, or a mapping with both keys.

    Raises:
        WorkflowError: it cannot be evaluated, or is none of these.
    """
    group = None if runs_on.group is None else evaluate_string(runs_on.group, scope)
    if isinstance(runs_on.labels, Template):
        template = runs_on.labels
        return _demand(evaluate_template(template, scope), template.span, group)
    labels = tuple(label for each in runs_on.labels for label in _written_labels(each, scope))
    return Demand(labels, runs_on.span, group)


def _written_labels(written: Template, scope: Scope) -> Iterator[Label]:
    """Give the label that an item of a list is, or the labels of the list that it comes out as."""
    data = evaluate_template(written, scope)
    if isinstance(data, Array) and all(map(is_primitive, data)):
        yield from (Label(to_string(item), written.span) for item in data)
    else:
        yield Label(evaluate_string(written, scope), written.span)


def _demand(data: Data, span: Span, group: str | None) -> Demand:
    match data:
        case Object() if "labels" in data or "group" in data:
            name = data.get("group")
            return _demand(data.get("labels") or Array(), span, to_string(name) if name else group)
        case Array() if all(map(is_primitive, data)):
            return Demand(tuple(Label(to_string(item), span) for item in data), span, group)
        case str() | bool() | float() if data != "":  # what is no string becomes one, as in a list
            return Demand((Label(to_string(data), span),), span, group)
        case _:
            message = f"runs-on must come out as a label or a list of labels, not as {kind_of(data).value}"
            return refuse(span, "invalid-runs-on", message)


class LabelTable:
    """Which VM type serves which label; labels match whatever their case."""

    def __init__(self, by_label: Mapping[str, VmType], default: VmType, sizes: SizeRange | None = None) -> None:
        """Take the settings' table, and the VM type of a run whose jobs do not say before they start.

        `sizes` is what labels may ask for that name a size; none: there are no such labels.
        """
        self._sizes = sizes
        self._by_label = {label.casefold(): (label, vm_type) for label, vm_type in by_label.items()}
        self.default = default

    def machine(self, demand: Demand) -> VmType:
        """Find the machine that has all the labels; of several like VM types, the largest.

        Raises:
            WorkflowError: no VM type serves a label, or two name VM types that differ in more than size.
        """
        if not demand.labels:
            what = "a runner group" if demand.group else "no label"
            hint = "give a label beside the group; " + self._hint("LABEL")
            refuse(demand.span, "unserved-label", f"runs-on names {what}; VM types are found by label", hint)
        found: VmType | None = None
        for label in demand.labels:
            machine = self._machine(label)
            if found is not None and (difference := found.difference(machine)):
                message = f"No VM type has all of the labels {demand}: their VM types differ in {difference}"
                refuse(label.span, "unserved-label", message, self._hint(label.text))
            found = machine if found is None else found.enlarge(machine)
        return found or self.default

    def _machine(self, label: Label) -> VmType:
        entry = self._by_label.get(label.text.casefold())
        if entry is None and self._sizes and (sized := self._sizes.read(label.text)) is not None:
            if isinstance(sized, VmType):
                return sized
            refuse(label.span, "unserved-label", f"The label '{label.text}' {sized}", self._hint(label.text))
        if entry is None:
            message = f"No VM type serves the label '{label.text}'"
            refuse(label.span, "unserved-label", message, self._hint(label.text))
        return entry[1]

    def _hint(self, label: str) -> str:
        known = [name for name, _ in self._by_label.values()]
        suggestion = did_you_mean(label, known)
        table = f'map it in the settings: [labels] "{label}" = "{self.default.name}"'
        parts = (suggestion, f"known labels: {', '.join(known) or 'none'}", table)
        return "; ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one job leg needs, for the choice of the run's machine."""

    job: str
    demand: Demand
    machine: VmType


def choose_machine(claims: Sequence[Claim], default: VmType) -> VmType:
    """Choose the run's one machine: the largest of those that its jobs ask for.

    Raises:
        WorkflowError: two jobs ask for different images or policies; the message names both.
    """
    if not claims:
        return default
    first, *others = claims
    machine = first.machine
    for claim in others:
        if difference := machine.difference(claim.machine):
            message = (
                f"Job '{claim.job}' needs the {difference} '{claim.machine.traits[difference]}'"
                f" (runs-on: {claim.demand}), but job '{first.job}' needs '{machine.traits[difference]}'"
                f" (runs-on: {first.demand}); a run has one machine"
            )
            hint = f"let both labels name VM types with the same {difference} in [labels], or use two workflows"
            refuse(claim.demand.span, "different-machines", message, hint)
        machine = machine.enlarge(claim.machine)
    return machine
