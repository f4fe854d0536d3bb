"""Tokens."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.lexer import TokenKind, tokenize
from terraphim_runner.expressions.limit import MAX_LENGTH
from terraphim_runner.expressions.source import Source


def texts(text: str) -> list[str]:
    return [token.text for token in tokenize(Source.of(text))][:-1]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("a.b-c[0]", ["a", ".", "b-c", "[", "0", "]"]),
        ("a.*.b", ["a", ".", "*", ".", "b"]),
        ("!a&&b||c", ["!", "a", "&&", "b", "||", "c"]),
        ("1<=2!=.5", ["1", "<=", "2", "!=", ".5"]),
        ("f('a''b',\n\t'')", ["f", "(", "'a''b'", ",", "''", ")"]),
        ("\u00a0x\u2003", ["x"]),
    ],
)
def test_a_text_is_split_where_githubs_is(text: str, tokens: list[str]) -> None:
    assert tokens == texts(text)


def test_a_dot_begins_a_number_unless_it_follows_something_to_look_into() -> None:
    assert texts("a.b .5".replace(" .5", " == .5")) == ["a", ".", "b", "==", ".5"]


def test_words_that_are_constants_are_names_after_a_dot() -> None:
    kinds = [token.kind for token in tokenize(Source.of("null.null".removeprefix("null.") + " || a.null"))]

    assert kinds[0] is TokenKind.LITERAL
    assert kinds[4] is TokenKind.WORD


def test_tokens_know_their_place_in_the_whole_text() -> None:
    text = "if: ${{ github.ref }}"
    tokens = tokenize(Source.of(text, 8, 18))

    assert [text[token.start : token.end] for token in tokens] == ["github", ".", "ref", ""]


@pytest.mark.parametrize(
    ("text", "blamed", "position", "hint"),
    [
        ("a = b", "=", 3, "=="),
        ("a & b", "&", 3, "&&"),
        ("a | b", "|", 3, "||"),
        ('a == "b"', '"b"', 6, "single quotes"),
        ("a == 'b", "'b", 6, "not closed"),
        ("a@b", "a@b", 1, None),
        ("1x", "1x", 1, None),
    ],
)
def test_what_is_no_token_is_blamed_with_a_hint(text: str, blamed: str, position: int, hint: str | None) -> None:
    with pytest.raises(ExpressionError) as raised:
        tokenize(Source.of(text))

    assert str(raised.value) == (
        f"Unexpected symbol: '{blamed}'. Located at position {position} within expression: {text}"
    )
    assert text[raised.value.start : raised.value.end] == blamed
    assert raised.value.kind is ExpressionErrorKind.LEXING
    assert (hint or "") in (raised.value.hint or "")
    assert (hint is None) is (raised.value.hint is None)


def test_an_expression_may_have_as_many_characters_as_githubs() -> None:
    assert len(tokenize(Source.of("1" + " " * (MAX_LENGTH - 1)))) == 2
    with pytest.raises(ExpressionError, match="Exceeded max expression length 21000"):
        tokenize(Source.of("1" + " " * MAX_LENGTH))
