"""Trees are held against shapes, and everything that does not fit is told with its place."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Diagnostic, Position, Severity
from terraphim_runner.workflow.allowance import JOB, Allowance
from terraphim_runner.workflow.check import check
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, compose
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.shape import (
    ANYTHING,
    BOOLEAN,
    NON_EMPTY,
    NULL,
    NUMBER,
    STRING,
    Conditional,
    Record,
    Shape,
    condition,
    either,
    list_of,
    one_of,
    record,
)
from terraphim_runner.workflow.source import Source


def diagnostics(text: str, shape: Shape, *, lenient: bool = False) -> tuple[Diagnostic, ...]:
    report = Report()
    root = compose(Source("f.yml", text), report, DEFAULT_LIMITS)
    assert root is not None
    check(root, shape, report, lenient=lenient)
    return report.diagnostics


def codes(text: str, shape: Shape) -> list[str]:
    return [each.code for each in diagnostics(text, shape)]


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("~", NULL),
        ("true", BOOLEAN),
        ("12", NUMBER),
        ("x", STRING),
        ("''", STRING),
        ("~", STRING),
        ("3.10", NON_EMPTY),
        ("true", one_of("true")),
        ("[a, b]", list_of(STRING)),
        ("{a: 1, b: [x]}", ANYTHING),
        ("x", either(NULL, STRING)),
    ],
)
def test_what_fits_is_silent(text: str, shape: Shape) -> None:
    assert codes(text, shape) == []


@pytest.mark.parametrize(
    ("text", "shape", "code"),
    [
        ("x", NULL, "unexpected-value"),
        ("'true'", BOOLEAN, "unexpected-value"),
        ("'12'", NUMBER, "unexpected-value"),
        ("''", NON_EMPTY, "unexpected-value"),
        ("~", NON_EMPTY, "unexpected-value"),
        ("c", one_of("a", "b"), "unexpected-value"),
        ("[a]", STRING, "unexpected-sequence"),
        ("{a: 1}", STRING, "unexpected-mapping"),
        ("{a: 1, A: 2}", ANYTHING, "duplicate-key"),
        ("{b: 1}", record({"a": STRING}), "unknown-key"),
        ("{}", record({"a": STRING}, required=("a",)), "missing-key"),
        ("{'': 1}", record(loose=STRING), "empty-key"),
        (
            "{c: 1}",
            either(record({"a": STRING, "c": STRING}), record({"b": STRING, "c": STRING})),
            "ambiguous-mapping",
        ),
        ("${{ github.ref }}", STRING, "expression-not-allowed"),
        ("{'${{ github.ref }}': 1}", record(loose=STRING), "expression-not-allowed"),
        ("${{ insert }}", STRING.within(JOB), "unexpected-value"),
        ("a ${{ insert }}", STRING.within(JOB), "directive-in-string"),
        ("{a: 1}", Shape(records=(Record(ignored=frozenset({"a"})),)), "ignored-key"),
    ],
)
def test_what_does_not_fit_is_told(text: str, shape: Shape, code: str) -> None:
    assert codes(text, shape) == [code]


def test_every_fault_is_told_at_once() -> None:
    shape = record({"a": BOOLEAN, "b": list_of(NUMBER)})

    assert codes("a: x\nb: [1, y, z]\nc: 1\n", shape) == ["unexpected-value"] * 3 + ["unknown-key"]


def test_a_key_tells_kinds_of_mapping_apart_and_the_next_must_be_of_that_kind() -> None:
    shape = either(record({"run": STRING}, required=("run",)), record({"uses": STRING}, required=("uses",)))

    assert codes("{run: x}", shape) == []
    assert codes("{run: x, uses: y}", shape) == ["unknown-key"]


def test_an_expression_may_stand_for_anything_where_it_is_allowed() -> None:
    for shape in (BOOLEAN, NUMBER, list_of(STRING), record({"a": STRING}), one_of("x")):
        assert codes("${{ github.ref }}", shape.within(JOB)) == []


def test_the_quoted_braces_are_a_string_and_no_expression() -> None:
    assert codes("${{ 'a' }}", one_of("a")) == []
    assert codes("${{ 'b' }}", one_of("a")) == ["unexpected-value"]


def test_a_computed_key_excuses_missing_ones() -> None:
    shape = record({"a": STRING}, required=("a",), loose=STRING).within(JOB)

    assert codes("{'${{ insert }}': '${{ github }}'}", shape) == []
    assert codes("{'${{ insert }}': {a: [b]}}", shape) == []
    assert codes("{'${{ github.ref }}': {a: b}}", record(loose=STRING).within(JOB)) == ["unexpected-mapping"]


def test_allowances_add_up_from_the_outside_in() -> None:
    inner = STRING.within(Allowance(frozenset({"env"})))

    assert codes("{a: '${{ env.X }} ${{ github.ref }}'}", record(loose=inner).within(JOB)) == []
    assert codes("{a: '${{ github.ref }}'}", record(loose=inner)) == ["context-not-available"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("${{ nope.x }}", "unknown-context"),
        ("${{ env.x }}", "context-not-available"),
        ("${{ always() }}", "function-not-available"),
        ("${{ nope() }}", "unknown-function"),
        ("${{ contains('a') }}", "wrong-arity"),
        ("${{ format('{1}', 'a') }}", "format-argument-missing"),
        ("${{ 1 + 1 }}", "expression-syntax"),
        ("${{ }}", "expression-syntax"),
        ("${{ github.ref", "expression-syntax"),
    ],
)
def test_a_fault_in_an_expression_has_its_own_code(text: str, code: str) -> None:
    assert codes(text, STRING.within(JOB)) == [code]


def test_all_the_expressions_of_a_string_are_looked_at() -> None:
    found = diagnostics("${{ a = 1 }} ${{ b c }}", STRING.within(JOB))

    assert [each.span.start.column for each in found] == [7, 20]


def test_a_fault_in_an_expression_is_told_where_it_stands() -> None:
    found = diagnostics("run: |\n  first\n  echo ${{ nope.x }}\n", record({"run": STRING.within(JOB)}))

    assert [(each.span.start, each.span.end) for each in found] == [(Position(3, 12), Position(3, 16))]


def test_an_if_needs_no_braces() -> None:
    shape = condition(Conditional.WORKFLOW, JOB)

    assert codes("github.ref == 'x'", shape) == []
    assert codes("${{ github.ref == 'x' }}", shape) == []
    assert codes("''", shape) == []
    assert codes("true", shape) == []
    assert codes("github.ref = 'x'", shape) == ["expression-syntax"]
    assert codes("${{ 'nope.x' }}", shape) == ["unknown-context"]


def test_text_around_an_if_is_a_warning_in_a_workflow_and_an_error_in_an_action() -> None:
    text = "${{ github.ref }} == 'x'"
    severities = {
        kind: [each.severity for each in diagnostics(text, condition(kind, JOB))]
        for kind in (Conditional.WORKFLOW, Conditional.ACTION)
    }

    assert severities == {Conditional.WORKFLOW: [Severity.WARNING], Conditional.ACTION: [Severity.ERROR]}


def test_the_braces_are_not_for_pre_if() -> None:
    assert codes("${{ github.ref }}", condition(Conditional.RUNS, JOB)) == ["expression-syntax-not-supported"]


def test_a_misspelt_word_gets_a_suggestion() -> None:
    key, value = diagnostics("{rum: 1, kind: aple}", record({"run": STRING, "kind": one_of("apple", "pear")}))

    assert key.hint == "did you mean `run`?"
    assert value.hint == "did you mean `apple`?"


def test_what_only_an_editor_minds_is_a_warning_to_the_lenient() -> None:
    shape = record({"a": STRING}, required=("a",), advisory=True)
    strict, lenient = diagnostics("{b: 1}", shape), diagnostics("{b: 1}", shape, lenient=True)

    assert [each.severity for each in strict] == [Severity.ERROR] * 2
    assert [each.severity for each in lenient] == [Severity.WARNING] * 2


def test_a_fault_in_an_aliased_part_is_told_once() -> None:
    assert codes("a: &x [y]\nb: *x\n", record(loose=list_of(NUMBER))) == ["unexpected-value"]
