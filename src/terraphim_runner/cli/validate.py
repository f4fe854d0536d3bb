"""`terraphim-runner validate`: every fault of workflow and action files."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from terraphim_runner.cli.diagnostic_report import (
    DiagnosticFormat,
    as_github,
    as_json,
    as_sarif,
    as_text,
)
from terraphim_runner.cli.source_file import current_directory, expand, find_repository, read_source
from terraphim_runner.cli.validation import validate_source
from terraphim_runner.domain.diagnostic import Severity
from terraphim_runner.domain.errors import UsageError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Diagnostic

Files = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="FILES",
        help="Workflow and action files, directories, - for standard input. Default: the repository's workflows.",
    ),
]
Output = Annotated[DiagnosticFormat, typer.Option("--output", "-o", help="How faults are printed.")]


def validate(files: Files = None, output: Output = DiagnosticFormat.TEXT) -> None:
    """Check workflow and action files, all faults at once. Exit status 2 if there is an error."""
    sources = [read_source(path) for path in _chosen(files or [])]
    found = dict.fromkeys(diagnostic for source in sources for diagnostic in validate_source(source))
    diagnostics = [*found]  # one in a called workflow only once, though every caller has it
    texts = {source.name: source.text for source in sources}
    texts |= {
        name: read_source(Path(name)).text for name in {each.span.file for each in diagnostics} - texts.keys()
    }
    for line in _lines(output, diagnostics, texts):
        print(line)  # noqa: T201 - this is the command's output
    if any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics):
        raise typer.Exit(WorkflowError.exit_code)


def _has_colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _chosen(files: Sequence[Path]) -> Iterator[Path]:
    if files:
        yield from expand(files)
        return
    here = current_directory()
    repository = find_repository(here)
    if repository is None:
        hint = "name files, or go to a repository that has .github/workflows"
        raise UsageError("there are no workflows here", hint=hint)
    yield from expand([Path() if repository == here else repository])


def _lines(output: DiagnosticFormat, diagnostics: Sequence[Diagnostic], texts: Mapping[str, str]) -> Iterator[str]:
    match output:
        case DiagnosticFormat.TEXT:
            yield from as_text(diagnostics, texts, files=len(texts), has_colours=_has_colours())
        case DiagnosticFormat.JSON:
            yield as_json(diagnostics)
        case DiagnosticFormat.SARIF:
            yield as_sarif(diagnostics)
        case DiagnosticFormat.GITHUB:
            yield from as_github(diagnostics)
        case _:
            assert_never(output)
