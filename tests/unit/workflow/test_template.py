"""Scalars to templates and conditions, with faults where they are written."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.expressions.template import parse_template
from terraphim_runner.workflow.job import NormalJob
from terraphim_runner.workflow.reader import read_workflow
from terraphim_runner.workflow.step import RunStep
from terraphim_runner.workflow.template import is_directive, quoted_literal

HEAD = "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n"


def step_faults(step: str) -> list[Diagnostic]:
    return list(read_workflow(f"{HEAD}      - {step}\n", "ci.yml").diagnostics)


def step(written: str) -> RunStep:
    result = read_workflow(f"{HEAD}      - {written}\n", "ci.yml")
    assert result.workflow is not None, result.diagnostics
    job = result.workflow.jobs[0]
    assert isinstance(job, NormalJob)
    assert isinstance(job.steps[0], RunStep)
    return job.steps[0]


def test_every_expression_of_a_text_that_is_wrong_is_told() -> None:
    faults = step_faults("run: echo ${{ github. }} ${{ a b }} ${{ github.ref }} ${{ nope }}")

    assert [(each.code, each.span.start.column) for each in faults] == [
        ("expression-syntax", 29),
        ("expression-syntax", 40),
    ]


def test_an_expression_that_is_not_closed_is_told_once() -> None:
    [fault] = step_faults("run: echo ${{ github.ref")

    assert fault.span.start.column == 19
    assert fault.hint is not None


def test_a_fault_in_a_block_of_lines_is_on_its_own_line() -> None:
    [fault] = step_faults("run: |\n          first\n          echo ${{ githib.ref }}")

    assert (fault.span.start.line, fault.span.start.column) == (8, 20)


@pytest.mark.parametrize("written", ["if: 'true'\n        run: x", "if: ${{ true }}\n        run: x"])
def test_a_condition_is_read_with_and_without_braces(written: str) -> None:
    assert step(written).condition.text == "success() && (true)"


def test_a_missing_condition_is_that_everything_went_well() -> None:
    found = step("run: x").condition

    assert (found.text, found.written) == ("success()", "")


@pytest.mark.parametrize(
    ("condition", "severity"),
    [("${{ true }} && false", Severity.WARNING), ("format('x{0}', github.ref)", Severity.ERROR)],
)
def test_text_around_the_braces_of_a_condition_is_told(condition: str, severity: Severity) -> None:
    [fault] = step_faults(f"if: {condition}\n        run: x")

    assert (fault.code, fault.severity) == ("literal-text-in-condition", severity)


def test_a_directive_within_a_text_is_refused() -> None:
    codes = [each.code for each in step_faults("run: a ${{ insert }} b")]

    assert codes == ["directive-in-string"]


def test_a_quoted_literal_is_a_string_alone_between_braces() -> None:
    assert quoted_literal(parse_template("${{ 'a' }}")) == "a"
    assert quoted_literal(parse_template("${{ 'a' }}b")) is None
    assert quoted_literal(parse_template("${{ 1 }}")) is None


def test_the_directive_is_insert_alone() -> None:
    assert is_directive(parse_template("${{ insert }}").node)
    assert not is_directive(parse_template("${{ github.insert }}").node)
