"""Diagnostics for people, for programs, for code scanning and for GitHub's log."""

from __future__ import annotations

import json
import re
from collections import Counter
from enum import Enum
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from terraphim_runner.cli.excerpt import render_excerpt
from terraphim_runner.cli.phrase import count
from terraphim_runner.domain.diagnostic import Severity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Diagnostic

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


_LINE_BREAK = re.compile(r"\r\n?|\n")


class DiagnosticFormat(Enum):
    """How diagnostics are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"


def as_text(
    diagnostics: Sequence[Diagnostic], texts: Mapping[str, str], *, files: int, has_colours: bool
) -> Iterator[str]:
    """Give each diagnostic with its excerpt, and a summary; `texts` are the files' by name."""
    lines: dict[str, list[str]] = {}
    for diagnostic in diagnostics:
        name = diagnostic.span.file
        if name not in lines:
            lines[name] = _LINE_BREAK.split(texts.get(name, "").removeprefix("\ufeff"))
        yield render_excerpt(diagnostic, lines[name], has_colours=has_colours) + "\n"
    yield summary(diagnostics, files)


def summary(diagnostics: Sequence[Diagnostic], files: int) -> str:
    """Say how much was found, and where."""
    if not diagnostics:
        return f"{count(files, 'file')}: no faults"
    by_severity = Counter(diagnostic.severity for diagnostic in diagnostics)
    found = [count(by_severity[severity], severity.value) for severity in Severity if by_severity[severity]]
    at_fault = len({diagnostic.span.file for diagnostic in diagnostics})
    return f"{' and '.join(found)} in {at_fault} of {count(files, 'file')}"


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Give a list of objects, one line each."""
    rows = ",\n".join(json.dumps(_row(diagnostic), ensure_ascii=False) for diagnostic in diagnostics)
    return f"[\n{rows}\n]" if rows else "[]"


def _row(diagnostic: Diagnostic) -> dict[str, Any]:
    start, end = diagnostic.span.start, diagnostic.span.end
    return {
        "file": diagnostic.span.file,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    }


def as_sarif(diagnostics: Sequence[Diagnostic]) -> str:
    """Give a SARIF 2.1.0 log, as GitHub's code scanning takes it."""
    rules = [{"id": code} for code in sorted({diagnostic.code for diagnostic in diagnostics})]
    tool = {"driver": {"name": "terraphim-runner", "version": version("terraphim-runner"), "rules": rules}}
    results = [_result(diagnostic) for diagnostic in diagnostics]
    run = {"tool": tool, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    start, end = diagnostic.span.start, diagnostic.span.end
    region = {"startLine": start.line, "startColumn": start.column, "endLine": end.line, "endColumn": end.column}
    hint = f" ({diagnostic.hint})" if diagnostic.hint else ""
    location = {"artifactLocation": {"uri": diagnostic.span.file}, "region": region}
    return {
        "ruleId": diagnostic.code,
        "level": diagnostic.severity.value,
        "message": {"text": diagnostic.message + hint},
        "locations": [{"physicalLocation": location}],
    }


def as_github(diagnostics: Iterable[Diagnostic]) -> Iterator[str]:
    """Give workflow commands, which GitHub shows as annotations of the file."""
    for diagnostic in diagnostics:
        start, end = diagnostic.span.start, diagnostic.span.end
        properties = {"file": diagnostic.span.file, "line": start.line, "endLine": end.line, "col": start.column}
        if end.line == start.line:
            properties["endColumn"] = end.column
        listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
        hint = f"\n{diagnostic.hint}" if diagnostic.hint else ""
        title = f"title={_property(diagnostic.code)}"
        yield f"::{diagnostic.severity.value} {listed},{title}::{_data(diagnostic.message + hint)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
