"""`docs/run-options.md` says what the options of `run` are."""

from __future__ import annotations

import re
from pathlib import Path

import typer

from terraphim_runner.cli.run import run

_PAGE = (Path(__file__).parents[2] / "docs" / "run-options.md").read_text(encoding="utf-8")


def test_every_option_has_a_row_with_its_other_names_and_nothing_else_has_one() -> None:
    alone = typer.Typer(add_completion=False)
    alone.command()(run)
    options = [each for each in typer.main.get_command(alone).params if each.param_type_name == "option"]
    named = {each.opts[0] if each.opts[0].startswith("--") else each.opts[1]: set(each.opts) for each in options}
    rows = re.findall(r"^\| `(--[\w-]+)[^`]*` \|([^|]*)\|", _PAGE, re.MULTILINE)
    written = {name: {name, *re.findall(r"`(-[\w-]+)`", others)} for name, others in rows}

    assert written == {name: names for name, names in named.items() if name != "--help"}
