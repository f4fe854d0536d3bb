"""`jobs:` to jobs, and what is wrong with them beyond their shape."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypedDict

from terraphim_runner.workflow.identifier import identifier_fault
from terraphim_runner.workflow.job import (
    CallJob,
    Environment,
    Job,
    Matrix,
    NormalJob,
    RunsOn,
    Snapshot,
    Strategy,
)
from terraphim_runner.workflow.needs import check_needs
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.read_container import read_container, read_services
from terraphim_runner.workflow.read_setting import read_concurrency, read_defaults, read_permissions
from terraphim_runner.workflow.read_step import read_steps
from terraphim_runner.workflow.read_value import (
    entries,
    flag,
    get,
    key_of,
    number,
    scalar,
    template,
    template_map,
    templates,
    text,
    texts,
    value_list,
    value_map,
)
from terraphim_runner.workflow.template import make_condition
from terraphim_runner.workflow.uses import workflow_fault
from terraphim_runner.workflow.value import Template, TemplateMap, Text, ValueMap

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.job import Concurrency, Permissions
    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.value import Condition, ValueList

_MAJOR_VERSION = re.compile(r"\d+\.\*", re.ASCII)


def read_jobs(node: Node | None, report: Report) -> tuple[Job, ...]:
    """Read all jobs and the graph they make."""
    if not isinstance(node, MappingNode):
        return ()
    pairs = list(entries(node))
    check_needs([(job_id, texts(get(job, "needs"))) for job_id, job in pairs], node.span, report)
    return tuple(_job(job_id, job, report) for job_id, job in pairs)


class _Head(TypedDict):
    id: Text
    span: Span
    condition: Condition
    name: Template | None
    needs: tuple[Text, ...]
    strategy: Strategy | Template | None
    permissions: Permissions | None
    concurrency: Concurrency | Template | None


def _job(job_id: Text, node: Node, report: Report) -> Job:
    if (fault := identifier_fault(job_id.value)) is not None:
        report.error(job_id.span, "bad-job-id", fault)
    head = _Head(
        id=job_id,
        span=node.span,
        condition=make_condition(scalar(node, "if"), job_id.span),
        name=template(get(node, "name")),
        needs=texts(get(node, "needs")),
        strategy=_strategy(get(node, "strategy"), report),
        permissions=read_permissions(get(node, "permissions")),
        concurrency=read_concurrency(get(node, "concurrency"), report),
    )
    uses = text(get(node, "uses"))
    if uses is None or get(node, "runs-on") is not None:
        return _normal_job(head, node, report)
    return _call_job(head, uses, node, report)


def _normal_job(head: _Head, node: Node, report: Report) -> NormalJob:
    outputs = template_map(get(node, "outputs"))
    return NormalJob(
        **head,
        runs_on=_runs_on(get(node, "runs-on"), head["id"].span, report),
        steps=read_steps(get(node, "steps"), report),
        env=template_map(get(node, "env")),
        environment=_environment(get(node, "environment")),
        defaults=read_defaults(get(node, "defaults")),
        outputs=outputs if isinstance(outputs, TemplateMap) else None,
        container=read_container(get(node, "container"), report),
        services=read_services(get(node, "services"), report),
        timeout_minutes=number(get(node, "timeout-minutes")),
        cancel_timeout_minutes=number(get(node, "cancel-timeout-minutes")),
        continue_on_error=flag(get(node, "continue-on-error")),
        snapshot=_snapshot(get(node, "snapshot"), report),
    )


def _call_job(head: _Head, uses: Text, node: Node, report: Report) -> CallJob:
    if uses.value and (fault := workflow_fault(uses.value)) is not None:
        report.error(uses.span, "bad-uses", fault)
    inputs, secrets = get(node, "with"), get(node, "secrets")
    return CallJob(
        **head,
        uses=uses,
        with_=_map_or_template(inputs),
        secrets=_map_or_template(secrets) if isinstance(secrets, MappingNode) else None,
        inherit_secrets=isinstance(secrets, ScalarNode) and secrets.string() == "inherit",
    )


def _map_or_template(node: Node | None) -> ValueMap | Template | None:
    return value_map(node) if isinstance(node, MappingNode) else template(node)


# ---------------------------------------------------------------- strategy
def _strategy(node: Node | None, report: Report) -> Strategy | Template | None:
    if not isinstance(node, MappingNode):
        return template(node)
    return Strategy(
        node.span,
        matrix=_matrix(node.get("matrix"), report),
        fail_fast=flag(node.get("fail-fast")),
        max_parallel=number(node.get("max-parallel")),
    )


def _matrix(node: Node | None, report: Report) -> Matrix | Template | None:
    if not isinstance(node, MappingNode):
        return template(node)
    vectors: list[tuple[Text, ValueList | Template]] = []
    insertions: list[tuple[Template, ValueMap | ValueList | Template]] = []
    for key, item in node.entries:
        name, vector = key_of(key), value_list(item)
        if isinstance(name, Template):
            computed = value_map(item) if isinstance(item, MappingNode) else vector
            insertions += [(name, computed)] if computed is not None else []
        elif name.value not in {"include", "exclude"} and vector is not None:
            _refuse_empty_vector(name, item, report)
            vectors.append((name, vector))
    include, exclude = value_list(node.get("include")), value_list(node.get("exclude"))
    return Matrix(node.span, tuple(vectors), include, exclude, tuple(insertions))


def _refuse_empty_vector(name: Text, node: Node, report: Report) -> None:
    if isinstance(node, SequenceNode) and not node.items:
        message = f"Matrix vector '{name}' does not contain any values"
        report.error(node.span, "empty-matrix-vector", message)


# ---------------------------------------------------------------- where it runs
def _runs_on(node: Node | None, place: Span, report: Report) -> RunsOn:
    if not isinstance(node, MappingNode):
        return RunsOn(place if node is None else node.span, labels=templates(node))
    group = template(node.get("group"))
    if group is not None and group.literal is not None and (fault := _group_fault(group.literal)) is not None:
        report.error(group.span, "bad-runner-group", fault)
    return RunsOn(node.span, labels=templates(node.get("labels")), group=group)


def _group_fault(group: str) -> str | None:
    prefix, slash, name = group.partition("/")
    if not slash:
        return None
    if prefix not in {"org", "organization", "ent", "enterprise"} or "/" in name:
        return (
            f"Invalid runs-on group name '{group}. Please use 'organization/' or 'enterprise/' prefix to target a"
            " single runner group.'"
        )
    return None if name else f"Invalid runs-on group name '{group}'."


def _environment(node: Node | None) -> Environment | Template | None:
    if not isinstance(node, MappingNode):
        return template(node)
    name = template(node.get("name"))
    if name is None:
        return None
    return Environment(name, node.span, template(node.get("url")), flag(node.get("deployment")))


def _snapshot(node: Node | None, report: Report) -> Snapshot | None:
    name = template(get(node, "image-name") if isinstance(node, MappingNode) else node)
    if name is None or node is None:
        return None
    written = scalar(node, "if")
    condition = None if written is None else make_condition(written, node.span)
    version = template(get(node, "version"))
    literal = None if version is None else version.literal
    if literal is not None and not _MAJOR_VERSION.fullmatch(literal):
        message = f"Expected format '{{major-version}}.*' Actual '{literal}'"
        report.error(node.span, "bad-snapshot-version", message)
    return Snapshot(name, node.span, version=version, condition=condition)
