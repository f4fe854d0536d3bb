"""Jobs and the rules about them."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.workflow.job import (
    CallJob,
    Container,
    Environment,
    Job,
    Matrix,
    NormalJob,
    RunsOn,
    Services,
    Snapshot,
    Strategy,
)
from terraphim_runner.workflow.reader import ReadResult, read_workflow
from terraphim_runner.workflow.value import Flag, Number, Template, ValueList, ValueMap


def read(body: str) -> ReadResult:
    return read_workflow(f"on: push\njobs: {{a: {{{body}}}}}\n", "ci.yml")


def job(body: str) -> Job:
    result = read(body)
    assert result.workflow is not None, result.diagnostics
    return result.workflow.jobs[0]


def normal(body: str) -> NormalJob:
    found = job(f"runs-on: x, {body}")
    assert isinstance(found, NormalJob)
    return found


def codes(body: str) -> list[str]:
    return [each.code for each in read(body).diagnostics if each.severity is Severity.ERROR]


def test_runs_on_is_labels_a_group_or_an_expression() -> None:
    forms = [job(f"runs-on: {form}") for form in ("x", "[x, y]", "{group: g, labels: [x]}", "'${{ matrix.os }}'")]
    one, several, group, computed = (each.runs_on for each in forms if isinstance(each, NormalJob))

    assert isinstance(one, RunsOn)
    assert str(one.labels) == "x"
    assert isinstance(several.labels, tuple)
    assert [str(label) for label in several.labels] == ["x", "y"]
    assert str(group.group) == "g"
    assert isinstance(computed.labels, Template)


def test_a_matrix_keeps_vectors_include_exclude_and_types() -> None:
    strategy = normal(
        "strategy: {fail-fast: false, max-parallel: 2, matrix: {os: [a, 3.10, true], n: '${{ fromJSON(vars.N) }}',"
        " include: [{os: b, x: {y: 1}}], exclude: '${{ fromJSON(vars.E) }}'}}"
    ).strategy

    assert isinstance(strategy, Strategy)
    assert isinstance(strategy.matrix, Matrix)
    (_, os), (_, computed) = strategy.matrix.vectors
    assert isinstance(os, ValueList)
    assert [type(item) for item in os.items] == [Template, Number, Flag]
    assert isinstance(computed, Template)
    assert isinstance(strategy.matrix.include, ValueList)
    assert isinstance(strategy.matrix.include.items[0], ValueMap)
    assert isinstance(strategy.matrix.exclude, Template)


def test_whole_parts_may_be_computed() -> None:
    found = normal(
        "strategy: '${{ fromJSON(vars.S) }}', env: '${{ fromJSON(vars.E) }}', services: '${{ fromJSON(vars.V) }}',"
        " container: '${{ vars.C }}', environment: '${{ vars.N }}'"
    )

    assert all(
        isinstance(each, Template)
        for each in (found.strategy, found.env, found.services, found.container, found.environment)
    )


def test_containers_services_environments_and_snapshots_are_in_the_model() -> None:
    found = normal(
        "container: {image: i, env: {A: 1}, ports: ['80'], volumes: [/v], options: o,"
        " credentials: {username: u, password: p}}, services: {db: postgres, web: {image: w, entrypoint: e,"
        " command: c}}, environment: {name: n, url: u, deployment: false},"
        " snapshot: {image-name: s, version: '1.*'}"
    )

    assert isinstance(found.container, Container)
    assert str(found.container.image) == "i"
    assert isinstance(found.services, Services)
    assert [str(name) for name, _ in found.services.containers] == ["db", "web"]
    assert isinstance(found.environment, Environment)
    assert isinstance(found.environment.deployment, Flag)
    assert isinstance(found.snapshot, Snapshot)


def test_a_snapshot_may_be_computed_and_has_a_condition_like_a_steps() -> None:
    found = normal(
        "snapshot: {image-name: '${{ matrix.x }}', if: 'success() && steps.a.outcome', version: '12.*'}"
    )

    assert isinstance(found.snapshot, Snapshot)
    assert isinstance(normal("snapshot: '${{ vars.NAME }}'").snapshot, Snapshot)


@pytest.mark.parametrize("version", ["'1'", "1.0.0", "x.*", "'-1.*'"])
def test_a_snapshot_is_of_a_major_version(version: str) -> None:
    codes = [
        each.code for each in read(f"runs-on: x, snapshot: {{image-name: a, version: {version}}}").diagnostics
    ]

    assert codes == ["bad-snapshot-version"]


def test_a_called_workflow_gets_inputs_with_their_types_and_secrets() -> None:
    found = job("uses: ./.github/workflows/b.yml, with: {n: 5, f: true, s: x}, secrets: {t: '${{ secrets.T }}'}")

    assert isinstance(found, CallJob)
    assert isinstance(found.with_, ValueMap)
    assert [type(value) for _, value in found.with_.entries] == [Number, Flag, Template]
    assert isinstance(found.secrets, ValueMap)
    assert not found.inherit_secrets


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("steps: []", "missing-key"),
        ("runs-on: x, uses: ./.github/workflows/b.yml", "unknown-key"),
        ("uses: ./b.yml", "bad-uses"),
        ("uses: ./.github/workflows/b.yml, steps: []", "unknown-key"),
        ("runs-on: {group: a/b}", "bad-runner-group"),
        ("runs-on: {group: org/}", "bad-runner-group"),
        ("runs-on: x, strategy: {matrix: {os: []}}", "empty-matrix-vector"),
        ("runs-on: x, strategy: {matrix: {os: a}}", "unexpected-value"),
        ("runs-on: x, container: {env: {A: 1}}", "container-without-image"),
        ("runs-on: x, container: {image: i, command: c}", "unknown-key"),
        ("runs-on: x, environment: {url: u}", "missing-key"),
        ("runs-on: x, permissions: {contents: admin}", "unexpected-value"),
        ("runs-on: x, permissions: {id-token: read}", "unexpected-value"),
        ("runs-on: x, permissions: {content: read}", "unknown-key"),
        ("runs-on: x, if: env.A", "context-not-available"),
        ("runs-on: x, timeout-minutes: soon", "unexpected-value"),
        ("runs-on: x, steps: '${{ fromJSON(vars.S) }}'", "expression-not-allowed"),
    ],
)
def test_a_job_that_cannot_be_is_refused(body: str, code: str) -> None:
    assert code in codes(body)


def test_a_jobs_if_may_ask_how_certain_jobs_went() -> None:
    text = "on: push\njobs: {a: {runs-on: x}, b: {runs-on: x, needs: a, if: \"success('a')\"}}\n"
    workflow = read_workflow(text, "ci.yml").workflow

    assert workflow is not None
    assert workflow.jobs[1].condition.text == "success('a')"
    assert workflow.jobs[0].condition.text == "success()"
