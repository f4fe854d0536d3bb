"""`docs/compatibility.md` speaks of everything in the language, and shows a test for each thing it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest
from tests.house.language import REFERENCE, documented_keys, documented_properties, sections

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
_STATUSES = {"supported", "partly", "refused", "checked only"}
_ROW = re.compile(r"^\| `?([^|`]+?)`? \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", re.MULTILINE)
_TEST = re.compile(r"`([\w/]+\.py)(?:::(\w+))?`")


@dataclass(frozen=True)
class Row:
    """One line of a table: `*` in its name stands for anything."""

    name: str
    status: str
    notes: str
    tests: str

    def speaks_of(self, thing: str) -> bool:
        """Whether the row is about this."""
        literal = self.name.replace("[]", "[[][]]")
        return fnmatchcase(thing, literal)


def _rows(section: str) -> list[Row]:
    text = _PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    rows = [Row(*match.groups()) for match in _ROW.finditer(text)]
    return [row for row in rows if row.status not in {"", "status"} and set(row.status) != {"-"}]


_ALL = [(section, row) for section in sections() for row in _rows(section)]


@pytest.mark.parametrize("section", [*sections()])
def test_everything_has_a_row(section: str) -> None:
    """A key, function or variable that is new needs one: name, status, notes, tests."""
    rows = _rows(section)
    missing = sorted(thing for thing in sections()[section] if not any(row.speaks_of(thing) for row in rows))

    assert not missing, "add to docs/compatibility.md:\n" + "\n".join(
        f"| `{thing}` |  |  |  |" for thing in missing
    )


@pytest.mark.parametrize("section", [*sections()])
def test_every_row_speaks_of_something(section: str) -> None:
    """What is no more has none."""
    stale = [row.name for row in _rows(section) if not any(map(row.speaks_of, sections()[section]))]

    assert stale == []


@pytest.mark.parametrize(("section", "row"), _ALL, ids=[f"{section}-{row.name}" for section, row in _ALL])
def test_a_row_has_a_status_and_tests_that_exist(section: str, row: Row) -> None:
    """What is not supported says how that shows."""
    tests = _TEST.findall(row.tests)

    assert row.status in _STATUSES
    assert row.notes or row.status == "supported"
    assert tests
    assert [name for name in tests if not _is_there(*name)] == []


def test_no_row_is_written_twice() -> None:
    for section in sections():
        names = [row.name for row in _rows(section)]
        assert len(names) == len(set(names)), section


def test_the_keys_are_those_of_githubs_own_schemas() -> None:
    """Beside the one of a kind of action that the runner has not run since its second version."""
    if not REFERENCE.is_dir():
        pytest.skip(f"{REFERENCE} is not on this machine")
    paths = sections()["Workflow files"] | sections()["Action files"]
    ours = {path.replace("[]", "").rpartition(".")[2] for path in paths}

    assert documented_keys() - ours == {"plugin"}


def test_the_contexts_have_what_githubs_own_editor_knows() -> None:
    if not REFERENCE.is_dir():
        pytest.skip(f"{REFERENCE} is not on this machine")
    ours = {(name.partition(".")[0], name.rpartition(".")[2]) for name in sections()["Contexts"]}

    assert documented_properties() - ours == set()


@cache
def _is_there(file: str, test: str) -> bool:
    path = _ROOT / "tests" / file
    return path.exists() and (
        not test or re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE) is not None
    )
