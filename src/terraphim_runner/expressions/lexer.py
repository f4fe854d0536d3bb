"""Text to tokens."""

from __future__ import annotations

import math
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.limit import MAX_LENGTH
from terraphim_runner.expressions.value import WHITESPACE, Value, parse_number

if TYPE_CHECKING:
    from terraphim_runner.expressions.source import Source


class TokenKind(Enum):
    """What a token is; the punctuation is spelt out."""

    LITERAL = "literal"
    WORD = "word"
    END = "end"
    LEFT_PARENTHESIS = "("
    RIGHT_PARENTHESIS = ")"
    LEFT_BRACKET = "["
    RIGHT_BRACKET = "]"
    COMMA = ","
    DOT = "."
    STAR = "*"
    NOT = "!"
    EQUAL = "=="
    NOT_EQUAL = "!="
    GREATER = ">"
    GREATER_OR_EQUAL = ">="
    LESS = "<"
    LESS_OR_EQUAL = "<="
    AND = "&&"
    OR = "||"


class Token(NamedTuple):
    """A token, its stretch of the text, and its value if it is a literal."""

    kind: TokenKind
    text: str
    start: int
    end: int
    value: Value = None


_BOUNDARY = re.escape("()[],!<>=&|" + WHITESPACE)
_TOKEN = re.compile(
    rf"""[{re.escape(WHITESPACE)}]*(?:
        (?P<word>[a-zA-Z_][^.{_BOUNDARY}]*)
      | (?P<punctuation>==|!=|<=|>=|&&|\|\||[!<>()\[\],.*])
      | (?P<string>'(?:[^']|'')*+')
      | (?P<number>[-+0-9][^{_BOUNDARY}]*)
      | (?P<unclosed>'.*)
      | (?P<illegal>.[^.{_BOUNDARY}]*)
    )?""",
    re.VERBOSE | re.DOTALL,
)
_NUMBER = re.compile(rf"\.[^{_BOUNDARY}]*")
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]*")
_PUNCTUATION = {kind.value: kind for kind in TokenKind if not kind.value.isalpha()}
_CONSTANTS: dict[str, Value] = {"true": True, "false": False, "null": None, "NaN": math.nan, "Infinity": math.inf}

_OPERATOR_HINTS = {"=": "equality is written ==", "&": "and is written &&", "|": "or is written ||"}

# what a dot may follow; anywhere else it begins a number
_DEREFERENCEABLE = frozenset(
    {TokenKind.WORD, TokenKind.RIGHT_BRACKET, TokenKind.RIGHT_PARENTHESIS, TokenKind.STAR}
)


def tokenize(source: Source) -> list[Token]:
    """Split the expression; the last token is END.

    Raises:
        ExpressionError: a piece of the text is no token, or there is too much of it.
    """
    text, position, stop = source.text, source.start, source.end
    if stop - position > MAX_LENGTH:
        message = f"Exceeded max expression length {MAX_LENGTH}"
        raise ExpressionError(ExpressionErrorKind.LEXING, message, start=position, end=stop)
    tokens: list[Token] = []
    previous = TokenKind.END
    while (match := _TOKEN.match(text, position, stop)) and match.lastgroup:
        token = _token(match, previous, source)
        tokens.append(token)
        previous, position = token.kind, token.end
    tokens.append(Token(TokenKind.END, "", stop, stop))
    return tokens


def _token(match: re.Match[str], previous: TokenKind, source: Source) -> Token:
    group = match.lastgroup or ""
    text = match[group]
    start, end = match.span(group)
    match group:
        case "word":
            return _word(text, start, previous, source)
        case "punctuation":
            if text == "." and previous not in _DEREFERENCEABLE:
                return _number(source.text[start : _end_of_number(source, start)], start, source)
            return Token(_PUNCTUATION[text], text, start, end)
        case "string":
            return Token(TokenKind.LITERAL, text, start, end, _unquote(text))
        case "number":
            return _number(text, start, source)
        case _:
            raise _unexpected(text, start, source)


def _word(text: str, start: int, previous: TokenKind, source: Source) -> Token:
    if not _NAME.fullmatch(text):
        raise _unexpected(text, start, source)
    end = start + len(text)
    if text in _CONSTANTS and previous is not TokenKind.DOT:
        return Token(TokenKind.LITERAL, text, start, end, _CONSTANTS[text])
    return Token(TokenKind.WORD, text, start, end)


def _unquote(text: str) -> str:
    return text[1:-1].replace("''", "'")


def _number(text: str, start: int, source: Source) -> Token:
    number = parse_number(text)
    if math.isnan(number):
        raise _unexpected(text, start, source)
    return Token(TokenKind.LITERAL, text, start, start + len(text), number)


def _end_of_number(source: Source, start: int) -> int:
    match = _NUMBER.match(source.text, start, source.end)
    return match.end() if match else start + 1


def _unexpected(text: str, start: int, source: Source) -> ExpressionError:
    return source.error(
        ExpressionErrorKind.LEXING, "Unexpected symbol", start, start + len(text), hint=_hint(text)
    )


def _hint(text: str) -> str | None:
    if text.startswith("'"):
        return "the string is not closed; a single quote within a string is written twice"
    if '"' in text:
        return "strings are written in single quotes"
    return _OPERATOR_HINTS.get(text[0])
