"""Names of templates."""

from __future__ import annotations

from terraphim_runner.adapters.qemu.template_store import template_key


def test_a_template_is_named_by_everything_that_makes_it() -> None:
    """Any difference is another template; order is none."""
    assert template_key({"a": 1, "b": "x"}) == template_key({"b": "x", "a": 1})
    assert template_key({"a": 1, "b": "x"}) != template_key({"a": 2, "b": "x"})
