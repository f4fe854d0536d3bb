"""Every command and output that the documentation shows, carried out again.

A block `yaml` in these pages is the file .github/workflows/ci.yml of a new repository, `json` is contexts.json; a
block `console` that follows shows commands, each after `$ `, and what they print. With REFRESH_DOCS=1 in the
environment the pages are written anew.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.cli.app import PROGRAM, app
from terraphim_runner.cli.error_handler import exit_code_of
from terraphim_runner.wiring.time_zone import known_time_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS = Path(__file__).parents[2] / "docs"
PAGES = ("validate.md", "explain.md")
FILES = {"yaml": ".github/workflows/ci.yml", "json": "contexts.json"}
BLOCK = re.compile(r"^```(?P<kind>yaml|json|console)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Example:
    """One block `console`, the page's block of this number, and the files that the blocks before it made."""

    page: Path
    number: int
    line: int
    shown: str
    files: dict[str, str] = field(default_factory=dict)

    @property
    def commands(self) -> list[str]:
        return [line.removeprefix("$ ") for line in self.shown.splitlines() if line.startswith("$ ")]


def examples(page: Path) -> Iterator[Example]:
    text = page.read_text(encoding="utf-8")
    files: dict[str, str] = {}
    for number, block in enumerate(BLOCK.finditer(text)):
        if (name := FILES.get(block["kind"])) is not None:
            files = {**files, name: block["text"]}
        else:
            yield Example(page, number, text.count("\n", 0, block.start()) + 1, block["text"], files)


ALL = [pytest.param(each, id=f"{name}:{each.line}") for name in PAGES for each in examples(DOCS / name)]


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty repository, whose user has no settings."""
    for name in [name for name in os.environ if name.startswith("TERRAPHIM_")]:
        monkeypatch.delenv(name)
    for kind in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind.lower()))
    monkeypatch.setenv("COLUMNS", "80")
    root = tmp_path / "repository"
    root.mkdir()
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=root, check=True)
    monkeypatch.chdir(root)
    return root


@pytest.mark.parametrize("example", ALL)
def test_a_documented_command_prints_what_is_documented(
    example: Example, repository: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if "unknown-time-zone" in example.shown and not known_time_zones():
        pytest.skip("this machine has no list of time zones")
    for name, text in example.files.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    printed = "\n".join(f"$ {command}\n{output(command, capfd)}" for command in example.commands)
    if "REFRESH_DOCS" in os.environ:
        refresh(example, printed)
    else:
        assert example.shown == printed


def refresh(example: Example, printed: str) -> None:
    text = example.page.read_text(encoding="utf-8")
    start, end = list(BLOCK.finditer(text))[example.number].span("text")
    example.page.write_text(text[:start] + printed + text[end:], encoding="utf-8")


def output(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    program, *arguments = shlex.split(command)
    assert program == PROGRAM
    exit_code_of(lambda: app(arguments, prog_name=PROGRAM, standalone_mode=False), arguments)
    out, err = capfd.readouterr()
    return out + err


def test_ten_mistakes_and_more_are_documented() -> None:
    text = (DOCS / "validate.md").read_text(encoding="utf-8")

    assert text.count("\n### ") >= 10


def test_every_fault_that_is_documented_says_what_to_do() -> None:
    text = (DOCS / "validate.md").read_text(encoding="utf-8")

    assert text.count(" --> ") == text.count(" = help: ")
