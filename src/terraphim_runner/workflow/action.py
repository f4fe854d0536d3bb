"""An `action.yml`, read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.step import RunStep, UsesStep
    from terraphim_runner.workflow.value import Condition, Template, TemplateMap, Text


@dataclass(frozen=True, slots=True)
class ActionInput:
    """An input; `required` is a promise to the reader, GitHub does not enforce it."""

    name: Text
    span: Span
    required: bool = False
    default: Template | None = None
    description: str | None = None
    deprecation_message: str | None = None


@dataclass(frozen=True, slots=True)
class ActionOutput:
    """An output; only a composite action's has a value here."""

    name: Text
    span: Span
    value: Template | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class NodeRuns:
    """JavaScript: `using` is node12, node16, node20 or node24; paths are relative to the action."""

    using: Text
    main: Text
    pre: Text | None = None
    pre_if: Condition | None = None  # as written; unlike a step's, nothing is put in front
    post: Text | None = None
    post_if: Condition | None = None


@dataclass(frozen=True, slots=True)
class DockerRuns:
    """A container: `image` is `docker://…` or the path of a Dockerfile."""

    using: Text
    image: Text
    entrypoint: Text | None = None
    args: tuple[Template, ...] = ()
    env: TemplateMap | Template | None = None
    pre_entrypoint: Text | None = None
    pre_if: Condition | None = None
    post_entrypoint: Text | None = None
    post_if: Condition | None = None


@dataclass(frozen=True, slots=True)
class CompositeRuns:
    """Steps."""

    using: Text
    steps: tuple[RunStep | UsesStep, ...]


Runs = NodeRuns | DockerRuns | CompositeRuns


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """An action file that has no errors."""

    file: str
    runs: Runs
    name: Text | None = None
    description: Text | None = None
    author: Text | None = None
    inputs: tuple[ActionInput, ...] = ()
    outputs: tuple[ActionOutput, ...] = ()

    def input(self, name: str) -> ActionInput | None:
        """Find an input by its name, whatever the case."""
        wanted = name.casefold()
        return next((each for each in self.inputs if each.name.value.casefold() == wanted), None)
