"""What starts a workflow: the model of `on:`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.value import Flag, Number, Template, Text


@dataclass(frozen=True, slots=True)
class Filter:
    """The patterns of one filter key, in order: later ones override earlier ones, `!` takes away."""

    patterns: tuple[Text, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Event:
    """One event and what narrows it; a filter that was not written is None, which is not an empty one."""

    name: Text
    types: Filter | None = None
    branches: Filter | None = None
    branches_ignore: Filter | None = None
    tags: Filter | None = None
    tags_ignore: Filter | None = None
    paths: Filter | None = None
    paths_ignore: Filter | None = None
    workflows: Filter | None = None  # workflow_run
    names: Filter | None = None  # image_version
    versions: Filter | None = None  # image_version


@dataclass(frozen=True, slots=True)
class Cron:
    """One line of `on.schedule`; without a time zone it means UTC."""

    cron: Text
    timezone: Text | None
    span: Span


@dataclass(frozen=True, slots=True)
class Schedule:
    """`on.schedule`."""

    name: Text
    crons: tuple[Cron, ...]


class InputType(Enum):
    """What an input may hold."""

    STRING = "string"
    BOOLEAN = "boolean"
    NUMBER = "number"
    CHOICE = "choice"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Input:
    """An input of `workflow_dispatch` or `workflow_call`; only the latter's default may hold an expression."""

    name: Text
    type: InputType
    required: bool
    default: Template | Flag | Number | None
    description: str | None
    options: tuple[Text, ...]  # of a choice
    span: Span


@dataclass(frozen=True, slots=True)
class WorkflowDispatch:
    """`on.workflow_dispatch`."""

    name: Text
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, slots=True)
class SecretDeclaration:
    """A secret that a reusable workflow takes."""

    name: Text
    required: bool
    description: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class CallOutput:
    """An output that a reusable workflow gives."""

    name: Text
    value: Template
    description: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class WorkflowCall:
    """`on.workflow_call`: what makes a workflow reusable."""

    name: Text
    inputs: tuple[Input, ...] = ()
    secrets: tuple[SecretDeclaration, ...] = ()
    outputs: tuple[CallOutput, ...] = ()


Trigger = Event | Schedule | WorkflowDispatch | WorkflowCall
