"""Faults found before anything runs."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.expressions.check import Problem, check
from terraphim_runner.expressions.parser import parse
from terraphim_runner.expressions.shape import CONTEXTS, Shape

HERE = ("github", "runner", "job", "needs", "env")
SHAPES: dict[str, Shape] = {
    "matrix": {"os": None, "Node": {"version": None}},
    "steps": {"build": CONTEXTS["jobs"]},
}


def problems(text: str) -> list[Problem]:
    return check(parse(text), HERE, ["success(0,0)", "hashFiles"])


@pytest.mark.parametrize(
    "text",
    [
        "github.ref == 'x' && success()",
        "GITHUB.Event.anything.at.all",
        "github['ref']",
        "github[env.KEY]",
        "github.*",
        "job.services.db.ports['80']",
        "needs.build.outputs.x",
        "needs.*.result",
        "env.ANYTHING",
        "format('{0}{{}}', 1)",
        "format(env.PATTERN)",
        "fromJSON('{}').x",
    ],
)
def test_nothing_is_said_against_what_is_right(text: str) -> None:
    assert problems(text) == []


@pytest.mark.parametrize(
    ("text", "blamed", "code", "message", "suggestion"),
    [
        ("1 == githbu.ref", "githbu", "unknown-context", "Unrecognized named-value: 'githbu'", "github"),
        ("secrets.X", "secrets", "context-not-available", "Unrecognized named-value: 'secrets'", None),
        ("!contian('a', 'b')", "contian", "unknown-function", "Unrecognized function: 'contian'", "contains"),
        ("always()", "always", "function-not-available", "Unrecognized function: 'always'", None),
        ("contains('a')", "contains", "wrong-arity", "Too few parameters supplied: 'contains'", None),
        ("success(1)", "success", "wrong-arity", "Too many parameters supplied: 'success'", None),
        (
            "github.reff",
            "reff",
            "unknown-property",
            "github has no property 'reff', so this is always null",
            "ref",
        ),
        (
            "job.container.idd",
            "idd",
            "unknown-property",
            "job.container has no property 'idd', so this is always null",
            "id",
        ),
        (
            "needs.a.result.x.y || runner['oss']",
            "'oss'",
            "unknown-property",
            "runner has no property 'oss', so this is always null",
            "os",
        ),
        (
            "needs.*.outcome",
            "outcome",
            "unknown-property",
            "needs.* has no property 'outcome', so this is always null",
            None,
        ),
        (
            "format('{1}', 0)",
            "'{1}'",
            "format-argument-missing",
            "Format string references argument {1} but only 1 argument(s) provided",
            None,
        ),
        (
            "format('{')",
            "'{'",
            "invalid-format",
            "Invalid format string: a brace stands alone or holds what is no number",
            None,
        ),
    ],
)
def test_a_fault_is_named_with_its_place(
    text: str, blamed: str, code: str, message: str, suggestion: str | None
) -> None:
    [problem] = problems(text)

    assert (code, message, suggestion) == (problem.code, problem.message, problem.suggestion)
    assert blamed == text[problem.start : problem.end]


def test_only_an_unknown_property_is_a_warning() -> None:
    assert [problem.severity for problem in problems("github.reff || nope.x")] == [
        Severity.WARNING,
        Severity.ERROR,
    ]


def test_every_fault_is_found_from_left_to_right() -> None:
    found = problems("nope(github.reff, format('{1}')) || secrets.X")

    assert [problem.code for problem in found] == [
        "unknown-function",
        "unknown-property",
        "format-argument-missing",
        "context-not-available",
    ]


def test_a_context_that_exists_elsewhere_gets_the_list_of_those_here() -> None:
    [problem] = problems("secrets.X")

    assert problem.hint == "secrets does not exist here; there is env, github, job, needs, runner"


def test_a_caller_may_say_what_it_knows_of_a_context() -> None:
    [problem] = check(parse("matrix.so || matrix.node.version || matrix.OS"), SHAPES)

    assert (problem.message, problem.suggestion) == ("matrix has no property 'so', so this is always null", "os")
