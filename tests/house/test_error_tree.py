"""The error tree in the docstring is the error tree."""

from __future__ import annotations

from terraphim_runner.domain import errors


def test_the_docstring_shows_every_error_with_its_parent_and_exit_status() -> None:
    shown = [line for line in (errors.__doc__ or "").splitlines() if " exit " in line and line.startswith("    ")]

    assert [line.split("   ")[0].strip() for line in _columns(shown)] != []
    assert _parse(shown) == _actual(errors.RunnerError, 0)


def _columns(lines: list[str]) -> list[str]:
    return [line[4:] for line in lines]


def _parse(lines: list[str]) -> list[tuple[int, str, int]]:
    rows = []
    for line in _columns(lines):
        name, _, rest = line.strip().partition(" ")
        depth = (len(line) - len(line.lstrip())) // 2
        rows.append((depth, name, int(rest.split("exit", 1)[1].split()[0])))
    return rows


def _actual(error: type[errors.RunnerError], depth: int) -> list[tuple[int, str, int]]:
    rows = [(depth, error.__name__, error.exit_code)]
    for child in error.__subclasses__():
        if child.__module__ == errors.__name__:
            rows += _actual(child, depth + 1)
    return rows
