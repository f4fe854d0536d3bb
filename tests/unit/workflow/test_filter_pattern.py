"""Filter patterns match as GitHub's cheat sheet says, in time that does not depend on the pattern."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.workflow.filter_pattern import compile_pattern, deciding_pattern, ignoring_pattern, selects


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", "main releases"),
        ("**", "main all/the/branches"),
        ("feature/*", "feature/my-branch feature/your-branch"),
        ("feature/**", "feature/beta-a/my-branch feature/your-branch feature/mona/the/octocat"),
        ("*feature", "mona-feature feature ver-10-feature"),
        ("v2*", "v2 v2.0 v2.9"),
        ("v[12].[0-9]+.[0-9]+", "v1.10.1 v2.0.0"),
        ("*.jsx?", "page.js page.jsx"),
        ("**.js", "index.js js/index.js src/js/app.js"),
        ("docs/**/*.md", "docs/README.md docs/mona/hello-world.md docs/a/markdown/file.md"),
        ("**/docs/**", "docs/hello.md dir/docs/my-file.txt space/docs/plan/space.doc"),
        ("**/README.md", "README.md js/README.md"),
        ("**/*src/**", "a/src/app.js my-src/code/js/app.js"),
        ("**/migrate-*.sql", "migrate-10909.sql db/migrate-v1.0.sql db/sept/migrate-v1.sql"),
        ("[CB]at", "Cat Bat"),
        ("[1-2]00", "100 200"),
        ("a+b", "ab aab aaab"),
        ("a\\+b", "a+b"),
        ("\\!wip", "!wip"),
        ("a\\*", "a*"),
    ],
)
def test_a_pattern_matches_its_examples(pattern: str, names: str) -> None:
    assert [name for name in names.split() if not compile_pattern(pattern).matches(name)] == []


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("*", "a/b"),
        ("main", "Main main2 amain main/"),
        ("feature/*", "feature/a/b feature feature/a/"),
        ("docs/**", "docs a/docs/b"),
        ("a**/b", "ab"),
        ("**/README.md", "xREADME.md js/xREADME.md"),
        ("docs/**/*.md", "docsx/a.md"),
        ("**/docs/**", "mydocs/a a/mydocs/b"),
        ("*.js", "src/a.js"),
        ("v[12]", "v3 v v12"),
        ("a+b", "b"),
        ("a?b", "aab"),
        (".yml", "fyml"),
        ("[0-9]", "a 10"),
    ],
)
def test_a_pattern_does_not_match_other_names(pattern: str, names: str) -> None:
    assert [name for name in names.split() if compile_pattern(pattern).matches(name)] == []


def test_the_last_matching_pattern_decides() -> None:
    patterns = ["**", "!wip/**", "wip/keep"]

    assert deciding_pattern(patterns, "wip/keep") == 2
    assert deciding_pattern(patterns, "wip/a") == 1
    assert deciding_pattern(patterns, "main") == 0
    assert [selects(patterns, name) for name in ("wip/keep", "wip/a", "main")] == [True, False, True]


def test_a_name_that_nothing_matches_is_not_selected() -> None:
    assert deciding_pattern(["a", "!b"], "c") is None
    assert not selects(["a", "!b"], "c")
    assert not selects([], "c")


def test_the_first_pattern_that_ignores_a_name_is_named() -> None:
    assert ignoring_pattern(["a", "b*"], "bc") == 1
    assert ignoring_pattern(["a", "b*"], "c") is None


@pytest.mark.parametrize("pattern", ["[", "[a", "+", "?a", "*+", "\\", "[]", "[z-a]", "!", "", "a++", "***/"])
def test_a_malformed_pattern_still_gives_an_answer(pattern: str) -> None:
    assert compile_pattern(pattern).matches("x") in {True, False}


def test_nested_repetitions_take_no_time() -> None:
    """With backtracking this would outlive us all."""
    assert not compile_pattern("**/a" * 30 + "/b").matches("a/" * 500 + "c")
    assert not compile_pattern("*a" * 40 + "b").matches("a" * 2_000)


WORDS = st.text("ab/*+?.\\[]-!", max_size=12)


@given(pattern=WORDS, name=st.text("ab/.", max_size=12))
def test_any_pattern_answers_for_any_name(pattern: str, name: str) -> None:
    assert compile_pattern(pattern).matches(name) in {True, False}


@given(name=st.text(max_size=20))
def test_an_escaped_name_matches_itself_and_nothing_longer(name: str) -> None:
    pattern = compile_pattern(re.sub(r"([*+?!\\\[])", r"\\\1", name))

    assert pattern.matches(name)
    assert not pattern.matches(name + "x")


NAMES = ["".join(letters) for length in range(5) for letters in product("ab/", repeat=length)]


@pytest.mark.parametrize("length", range(6))
def test_stars_mean_what_a_regular_expression_would(length: int) -> None:
    """Every short pattern and every short name, put to Python's own engine as well: chance would miss some."""
    for pattern in map("".join, product("a/*", repeat=length)):
        compiled, expected = compile_pattern(pattern), re.compile(as_regular_expression(pattern))

        assert [name for name in NAMES if compiled.matches(name)] == list(filter(expected.fullmatch, NAMES)), (
            pattern
        )


def as_regular_expression(pattern: str) -> str:
    tokens = re.findall(r"(?:(?<=/)|^)\*{2,}/|\*{2,}|\*|[a/]", pattern)
    meanings = {"*": "[^/]*", "a": "a", "/": "/"}
    return "".join(meanings.get(token) or ("(?:.*/)?" if token.endswith("/") else ".*") for token in tokens)
