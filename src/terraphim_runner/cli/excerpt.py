"""A diagnostic with the lines it speaks of, and carets under what is wrong."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from terraphim_runner.cli.terminal_text import clean
from terraphim_runner.domain.diagnostic import Severity

if TYPE_CHECKING:
    from terraphim_runner.domain.diagnostic import Diagnostic, Span

_BOLD, _BLUE, _RESET = "\x1b[1m", "\x1b[1;34m", "\x1b[0m"
_COLOURS = {Severity.ERROR: "\x1b[1;31m", Severity.WARNING: "\x1b[1;33m"}
_MAX_WIDTH = 160


def render_excerpt(diagnostic: Diagnostic, lines: list[str], *, has_colours: bool) -> str:
    """Render in the manner of rustc: severity, code, message; file, line, column; the line, carets; help."""
    paint = _paint if has_colours else _plain
    span = diagnostic.span
    number = str(span.start.line)
    margin = " " * len(number)
    title = f"{diagnostic.severity.value}[{diagnostic.code}]"
    bar = paint("|", _BLUE)
    rendered = [
        f"{paint(title, _COLOURS[diagnostic.severity])}{paint(': ' + _one_line(diagnostic.message), _BOLD)}",
        f"{margin}{paint('-->', _BLUE)} {clean(span.file, has_colours=False)}:{number}:{span.start.column}",
    ]
    if span.start.line <= len(lines):
        before, marked, after = _parts(lines[span.start.line - 1], span)
        carets = "^" * max(1, _width(marked))
        rendered += [
            f"{margin} {bar}",
            f"{paint(number, _BLUE)} {bar} {before}{marked}{after}".rstrip(),
            f"{margin} {bar} {' ' * _width(before)}{paint(carets, _COLOURS[diagnostic.severity])}",
        ]
    if diagnostic.hint:
        rendered.append(f"{margin} {paint('=', _BLUE)} {paint('help', _BOLD)}: {_one_line(diagnostic.hint)}")
    return "\n".join(rendered)


def _parts(line: str, span: Span) -> tuple[str, str, str]:
    start = span.start.column - 1
    end = span.end.column - 1 if span.end.line == span.start.line else len(line.rstrip())
    first = max(0, start - _MAX_WIDTH // 2) if len(line) > _MAX_WIDTH else 0
    last = first + _MAX_WIDTH
    before, marked, after = line[first:start], line[start : min(end, last)], line[min(end, last) : last]
    return (
        ("…" if first else "") + _shown(before),
        _shown(marked),
        _shown(after) + ("…" if last < len(line) else ""),
    )


def _shown(text: str) -> str:
    return clean(text.replace("\t", " "), has_colours=False)


def _one_line(text: str) -> str:
    return clean(" ".join(text.splitlines()), has_colours=False)


def _width(text: str) -> int:
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _paint(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}"


def _plain(text: str, _colour: str) -> str:
    return text
