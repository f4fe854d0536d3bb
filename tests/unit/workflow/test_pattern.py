"""Filter patterns that cannot be meant are found."""

from __future__ import annotations

import pytest

from terraphim_runner.workflow.pattern import pattern_fault, ref_doubt


@pytest.mark.parametrize("pattern", ["main", "!main", "v[0-9]+.?", "**/*.md", "a\\[b", "[a-zA-Z_]", "v2*", "*.*"])
def test_a_sound_pattern_has_no_fault(pattern: str) -> None:
    assert pattern_fault(pattern) is None


@pytest.mark.parametrize("pattern", ["", "!", "[a", "a[]", "[z-a]", "[0-]", "+a", "*+", "a++", "!?", "a\nb"])
def test_an_unsound_pattern_has_one(pattern: str) -> None:
    assert pattern_fault(pattern) is not None


@pytest.mark.parametrize("pattern", ["/main", "refs/heads/main", "main/", "v1.", "a b", "a~1", "a\\*b", "!a:b"])
def test_a_pattern_that_no_ref_can_match_is_doubted(pattern: str) -> None:
    assert ref_doubt(pattern) is not None


@pytest.mark.parametrize("pattern", ["main", "feature/**", "v1.*", "!v[0-9]", "a\\!b"])
def test_a_pattern_that_a_ref_can_match_is_not(pattern: str) -> None:
    assert ref_doubt(pattern) is None
