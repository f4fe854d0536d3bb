"""What is no YAML is told where it began, and how to mend it."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.reader import read_workflow


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("on: push\n  jobs: x\n", (2, 7), "this line is indented more"),
        ("on: push\nname: a: b\n", (2, 8), "a value that contains `: ` has to be in quotes"),
        ("on: push\njobs:\n\ta: b\n", (3, 1), "indent with spaces, not with tabs"),
        ("on: push\nname: 'a\n", (2, 7), "a quote that is opened here is never closed"),
        ("on: push\nname: @a\n", (2, 7), "put the value in quotes"),
        ("on: push\nname: `a`\n", (2, 7), "put the value in quotes"),
        ("on:\n  - push\n pull_request\n", (3, 2), "check the indentation"),
        ("on: [push\njobs: {}\n", None, None),
    ],
)
def test_a_fault_of_syntax_has_its_place_and_a_remedy(
    text: str, place: tuple[int, int] | None, hint: str | None
) -> None:
    result = read_workflow(text, "ci.yml")

    assert result.workflow is None
    [fault] = result.diagnostics
    assert fault.code == "yaml-syntax"
    assert place is None or (fault.span.start.line, fault.span.start.column) == place
    assert hint is None or (fault.hint or "").startswith(hint)


def test_a_character_that_yaml_does_not_have_is_found_by_characters_not_bytes() -> None:
    [fault] = read_workflow("on: push\nname: ä\x00\n", "ci.yml").diagnostics

    assert (fault.span.start.line, fault.span.start.column) == (2, 8)


def test_the_place_never_lies_behind_the_end() -> None:
    [fault] = read_workflow("a: [", "ci.yml").diagnostics

    assert (fault.span.start.line, fault.span.start.column) <= (1, 5)
