"""What libyaml says of a text that is no YAML, so that a person can mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Span

if TYPE_CHECKING:
    from yaml import MarkedYAMLError, YAMLError

    from terraphim_runner.workflow.report import Report
    from terraphim_runner.workflow.source import Source

_SECOND_COLON = "mapping values are not allowed in this context"
_HINTS = {
    "could not find expected ':'": "check the indentation: this line is read as a key",
    "did not find expected key": "check the indentation of this line and of the one before",
    "did not find expected '-' indicator": "check the indentation of this line and of the one before",
    "found unexpected end of stream": "a quote that is opened here is never closed",
}


def report_syntax(error: MarkedYAMLError, source: Source, report: Report) -> None:
    """Report a fault that has a place."""
    problem = error.problem or "this is not YAML"
    mark = error.problem_mark
    if problem in {"could not find expected ':'", "found unexpected end of stream"}:
        mark = error.context_mark or mark  # where the trouble began, not where it was noticed
    offset = min(mark.index, len(source.text)) if mark is not None else 0
    hint = _mapping_hint(source, offset) if problem == _SECOND_COLON else _HINTS.get(problem)
    character = source.text[offset : offset + 1]
    if problem == "found character that cannot start any token":
        problem, hint = f"the character {character!r} cannot begin a value", "put the value in quotes"
    if character == "\t":
        hint = "indent with spaces, not with tabs"
    report.error(point(source, offset), "yaml-syntax", problem[:1].upper() + problem[1:], hint)


def _mapping_hint(source: Source, offset: int) -> str:
    """Tell the colon of a key that stands too far right from one inside a value."""
    line = source.text[source.text.rfind("\n", 0, offset) + 1 : offset]
    if ": " in line:
        return "a value that contains `: ` has to be in quotes"
    return "this line is indented more than the one it follows; keys that belong together begin in one column"


def report_unreadable(error: YAMLError, source: Source, report: Report) -> None:
    """Report a character that may not be in YAML."""
    count = getattr(error, "position", 0)  # libyaml counts bytes here
    offset = len(source.text.encode()[: max(count, 0)].decode(errors="ignore"))
    report.error(point(source, offset), "yaml-syntax", "This character is not allowed in YAML")


def point(source: Source, offset: int) -> Span:
    start = source.position(min(offset, len(source.text)))
    return Span(source.file, start, start)
