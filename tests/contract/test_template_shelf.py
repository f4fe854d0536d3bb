"""Templates go with their image."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from terraphim_runner.adapters.qemu.template_shelf import remove_templates_of

if TYPE_CHECKING:
    from pathlib import Path


def test_the_templates_of_a_removed_image_are_removed(tmp_path: Path) -> None:
    """With their locks; those of other images, and what cannot be read, stay."""
    for key, manifest in {"a": "one", "b": "one", "c": "two", "d": None}.items():
        (tmp_path / key).mkdir()
        (tmp_path / f"{key}.lock").touch()
        content = "{" if manifest is None else json.dumps({"ingredients": {"image": manifest}})
        (tmp_path / key / "manifest.json").write_text(content)

    assert remove_templates_of(tmp_path, "one") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "c.lock", "d", "d.lock"]


def test_there_may_be_no_templates_at_all(tmp_path: Path) -> None:
    """Not even a directory of them."""
    assert remove_templates_of(tmp_path / "templates", "one") == 0
