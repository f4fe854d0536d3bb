"""The jobs of a workflow: the model of `jobs:`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.step import Step
    from terraphim_runner.workflow.value import (
        Condition,
        Flag,
        Number,
        Template,
        TemplateMap,
        Text,
        ValueList,
        ValueMap,
    )


class Access(Enum):
    """What a token may do with one kind of thing."""

    READ = "read"
    WRITE = "write"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Permissions:
    """What `GITHUB_TOKEN` may do: `all_scopes` for `read-all` and `write-all`, else per scope, the rest none."""

    span: Span
    all_scopes: Access | None = None
    scopes: Mapping[str, Access] = field(default_factory=dict)


class ConcurrencyQueue(Enum):
    """How many runs wait for a concurrency group: the newest one, or all of them."""

    SINGLE = "single"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Runs or jobs of one group run one at a time."""

    group: Template
    span: Span
    cancel_in_progress: Flag | Template | None = None
    queue: ConcurrencyQueue = ConcurrencyQueue.SINGLE


@dataclass(frozen=True, slots=True)
class Defaults:
    """`defaults.run`; either part may hold an expression only on a job."""

    span: Span
    shell: Template | None = None
    working_directory: Template | None = None


@dataclass(frozen=True, slots=True)
class RunsOn:
    """Where a job runs: labels that a machine must all have, and a runner group.

    `labels` is one template where the author wrote one, which may come out as a list.
    """

    span: Span
    labels: tuple[Template, ...] | Template = ()
    group: Template | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """The deployment environment of a job; `deployment` false keeps GitHub from recording a deployment."""

    name: Template
    span: Span
    url: Template | None = None
    deployment: Flag | Template | None = None


@dataclass(frozen=True, slots=True)
class Matrix:
    """`strategy.matrix`. A vector, include or exclude that is an expression is known only when it is planned."""

    span: Span
    vectors: tuple[tuple[Text, ValueList | Template], ...] = ()
    include: ValueList | Template | None = None
    exclude: ValueList | Template | None = None
    insertions: tuple[tuple[Template, ValueMap | ValueList | Template], ...] = ()  # keys that are expressions


@dataclass(frozen=True, slots=True)
class Strategy:
    """`strategy`."""

    span: Span
    matrix: Matrix | Template | None = None
    fail_fast: Flag | Template | None = None
    max_parallel: Number | Template | None = None


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to log in to a container registry."""

    span: Span
    username: Template | None = None
    password: Template | None = None


@dataclass(frozen=True, slots=True)
class Container:
    """A job's container or a service; only a service has `entrypoint` and `command`."""

    image: Template | None  # none, or an empty one: no container
    span: Span
    env: TemplateMap | Template | None = None
    ports: tuple[Template, ...] | Template = ()
    volumes: tuple[Template, ...] | Template = ()
    options: Template | None = None
    credentials: Credentials | Template | None = None
    entrypoint: Template | None = None
    command: Template | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """The service containers of a job, by name."""

    span: Span
    containers: tuple[tuple[Text | Template, Container | Template], ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Asks for the job's machine to be kept as an image."""

    image_name: Template
    span: Span
    version: Template | None = None
    condition: Condition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHead:
    """What both kinds of job have."""

    id: Text
    span: Span
    condition: Condition
    name: Template | None = None
    needs: tuple[Text, ...] = ()
    strategy: Strategy | Template | None = None
    permissions: Permissions | None = None
    concurrency: Concurrency | Template | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalJob(JobHead):
    """A job that has steps."""

    runs_on: RunsOn
    steps: tuple[Step, ...] = ()
    env: TemplateMap | Template | None = None
    environment: Environment | Template | None = None
    defaults: Defaults | Template | None = None
    outputs: TemplateMap | None = None
    container: Container | Template | None = None
    services: Services | Template | None = None
    timeout_minutes: Number | Template | None = None
    cancel_timeout_minutes: Number | Template | None = None
    continue_on_error: Flag | Template | None = None
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallJob(JobHead):
    """A job that is a reusable workflow."""

    uses: Text
    with_: ValueMap | Template | None = None  # scalars; a literal keeps its type
    secrets: ValueMap | Template | None = None
    inherit_secrets: bool = False


Job = NormalJob | CallJob
