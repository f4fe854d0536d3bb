"""Plain lines, compared with tests/golden/render/plain.expected."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.cli.render_plain import PlainRenderer

if TYPE_CHECKING:
    from io import BytesIO

    from terraphim_runner.cli.writer import Writer
    from terraphim_runner.domain.event import RunEvent

_GOLDEN = Path(__file__).parents[2] / "golden" / "render" / "plain.expected"


def test_a_run_reads_as_expected(story: list[RunEvent], writer: Writer, output: BytesIO) -> None:
    """Every event and line has its place; nothing in it steers a terminal."""
    renderer = PlainRenderer(writer)
    for event in story:
        renderer.emit(event)
    writer.close()

    assert output.getvalue().decode() == _GOLDEN.read_text(encoding="utf-8")


def test_colours_are_the_only_difference_at_a_terminal(
    story: list[RunEvent], writer: Writer, output: BytesIO
) -> None:
    """Colours of the step and of the verdict; without them the text is the same."""
    renderer = PlainRenderer(writer, has_colours=True)
    for event in story:
        renderer.emit(event)
    writer.close()
    text = output.getvalue().decode()
    for code in ("[32m", "[0m", "[1;31m", "[2m"):
        assert f"\x1b{code}" in text
        text = text.replace(f"\x1b{code}", "")

    assert text == _GOLDEN.read_text(encoding="utf-8")
