"""What GitHub's TypeScript port does otherwise than GitHub's servers and runner, whom we follow.

Each quirk can be put into our own code for the time of one evaluation. A difference is explained when our code
with the quirks in it gives the port's answer, so a quirk cannot hide a fault of ours that merely looks like it.
"""

from __future__ import annotations

import math
import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from terraphim_runner.expressions import Array, Object, evaluator, lexer, memory, parser, value
from terraphim_runner.expressions.functions import arguments, json_reading, json_writing
from terraphim_runner.expressions.indexing import everything_in, index_into
from terraphim_runner.expressions.lexer import TokenKind
from terraphim_runner.expressions.node import Index, Node, Star

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from terraphim_runner.expressions import Value

PACKAGE = "terraphim_runner.expressions"
JS_WHITESPACE = value.WHITESPACE.replace("\x85", "") + "\ufeff"


@dataclass(frozen=True, slots=True)
class Quirk:
    """One thing the port does otherwise, why that is no model to follow, and what to replace in our code."""

    name: str
    reason: str
    replacements: dict[str, Any]


@contextmanager
def applied(quirks: Iterable[Quirk]) -> Iterator[None]:
    """Put quirks into our code."""
    with ExitStack() as stack:
        for quirk in quirks:
            for target, replacement in quirk.replacements.items():
                stack.enter_context(patch(f"{PACKAGE}.{target}", replacement))
        yield


def unquote_first(text: str) -> str:
    return text[1:-1].replace("''", "'", 1)


def js_parse(text: str) -> float:
    if prefixed := re.fullmatch(r"0(?:[xX]([0-9a-fA-F]+)|[oO]([0-7]+)|[bB]([01]+))", text.strip(JS_WHITESPACE)):
        digits, base = next((d, b) for d, b in zip(prefixed.groups(), (16, 8, 2), strict=True) if d)
        return float(int(digits, base))
    return _parse_number(text)


def js_print(number: float) -> str:
    """Print as JavaScript does: the shortest digits that read back, without an exponent up to 21 digits."""
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    sign, digits, exponent = Decimal(repr(number)).normalize(Context(prec=30)).as_tuple()
    point = len(digits) + int(exponent)
    text = "".join(map(str, digits))
    minus = "-" if sign and number else ""
    if -6 < point <= 21:
        if point <= 0:
            return f"{minus}0.{'0' * -point}{text}"
        return minus + (text.ljust(point, "0") if point >= len(text) else f"{text[:point]}.{text[point:]}")
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{minus}{text[0]}{fraction}e{point - 1:+d}"


def js_format(number: float) -> str:
    if not math.isfinite(number) or abs(number) >= 1e21:
        return js_print(number)
    fixed = Decimal(number).quantize(Decimal("1e-15"), ROUND_HALF_UP, Context(prec=60))
    return js_print(float(fixed) or 0.0)


def js_leaf(leaf: Value) -> str:
    return js_print(leaf) if isinstance(leaf, float) and math.isfinite(leaf) else _leaf(leaf)


def lenient_field(brace: str) -> str | int:
    if brace in ("{{", "}}"):
        return brace[0]
    digits = re.match(r"\{([0-9]+)", brace)
    if digits is None:
        raise ValueError("The following format string is invalid")
    return int(digits[1])


def js_upper(text: str) -> str:
    return "ı".join(part.upper() for part in text.split("ı"))


def js_contains(left: Value, right: Value) -> bool:
    return value.to_string(right).lower() in value.to_string(left).lower()


def numbers_first(entries: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Order names as JavaScript objects do: those that are whole numbers come first."""
    listed = list(entries)
    whole = [
        entry for entry in listed if re.fullmatch("0|[1-9][0-9]{0,9}", entry[0]) and int(entry[0]) < 2**32 - 1
    ]
    return sorted(whole, key=lambda entry: int(entry[0])) + [entry for entry in listed if entry not in whole]


def js_value(data: Any, depth: int) -> Value:
    if isinstance(data, dict):
        return Object([(name, json_reading._value(item, depth + 1)) for name, item in numbers_first(data.items())])
    return _value(data, depth)


def js_pieces(whole: Value, prefix: str, newline: str) -> Iterator[str]:
    if isinstance(whole, Object):
        whole = Object(numbers_first(whole.items()), case_sensitive=True)
    return _pieces(whole, prefix, newline)


class EagerArguments(arguments.Arguments):
    """Evaluates every argument before the function runs."""

    __slots__ = ("_values",)

    def __init__(self, *details: Any) -> None:
        super().__init__(*details)
        self._values = list(super().__iter__())

    def __getitem__(self, index: int) -> Value:
        return self._values[index]

    def __iter__(self) -> Iterator[Value]:
        return iter(self._values)


def eager_index(self: evaluator._Evaluator, node: Index) -> Value:
    index = None if isinstance(node.index, Star) else self.evaluate(node.index)
    target = self.evaluate(node.target)
    if isinstance(node.index, Star):
        return everything_in(target)
    return index_into(target, index) if isinstance(target, (Array, Object)) else None


def shallow_operation(self: parser._Parser, floor: int) -> Node:
    start, depth = self._token.start, self._depth
    left = self._unary()
    while (precedence := parser._PRECEDENCE.get(self._token.kind, 0)) > floor:
        if precedence <= parser._AND:
            self._enter()
            left = self._logical(left, precedence, start)
        else:
            left = self._comparison(left, precedence, start)
        self._depth = depth
    return left


def loose_arguments(self: parser._Parser) -> list[Node]:
    self._advance()
    found: list[Node] = []
    while not _is_closing(self._token):
        found.append(self._expression())
        if not _is_closing(self._token):
            self._expect(TokenKind.COMMA)
    return found


def _is_closing(token: lexer.Token) -> bool:
    return token.kind is TokenKind.RIGHT_PARENTHESIS


_parse_number, _leaf, _value, _pieces = (
    value.parse_number,
    json_writing._leaf,
    json_reading._value,
    json_writing._pieces,
)

_FEW_BLANKS = lexer._TOKEN.pattern.replace(re.escape(value.WHITESPACE), " \\t\\r\\n", 1)

QUIRKS = (
    Quirk(
        "escaped quotes",
        "the port un-doubles only the first '' of a string; the runner's lexer does all of them",
        {"lexer._unquote": unquote_first},
    ),
    Quirk(
        "number printing",
        "the port prints as JavaScript; the runner as .NET's G15, toJSON included",
        {"value.format_number": js_format, "functions.json_writing._leaf": js_leaf},
    ),
    Quirk(
        "number prefixes",
        "the port reads 0X, 0O and 0b, as JavaScript does; the runner 0x and 0o only",
        {"value.parse_number": js_parse, "lexer.parse_number": js_parse},
    ),
    Quirk(
        "blanks",
        "between tokens the port skips four kinds of blanks, the runner all of .NET's; its trim is JavaScript's",
        {
            "lexer._TOKEN": re.compile(
                lexer._TOKEN.pattern.replace(re.escape(value.WHITESPACE), " \\t\\r\\n", 1), lexer._TOKEN.flags
            ),
            "value.WHITESPACE": JS_WHITESPACE,
        },
    ),
    Quirk(
        "lenient format",
        "the port ignores what follows the number in {0:x}, and allows numbers above 255; the runner refuses both",
        {
            "functions.formatting._BRACE": re.compile(r"\{\{|\}\}|\{[0-9]+[^}]*\}|[{}]"),
            "functions.formatting._meaning": lenient_field,
        },
    ),
    Quirk(
        "eager arguments",
        "the port evaluates all arguments and every index first; the runner only what is asked for",
        {"evaluator.Arguments": EagerArguments, "evaluator._Evaluator._index": eager_index},
    ),
    Quirk(
        "case of letters",
        "the port maps case as JavaScript (ß becomes SS) and differently per function; .NET letter by letter",
        {
            "comparison.fold_case": js_upper,
            "functions.search.fold_case": js_upper,
            "functions.search._has_text": js_contains,
            "value.fold_case": str.lower,
        },
    ),
    Quirk(
        "order of numeric names",
        "JavaScript objects put whole-number names first, when reading JSON and when writing it",
        {"functions.json_reading._value": js_value, "functions.json_writing._pieces": js_pieces},
    ),
    Quirk(
        "depth of comparisons",
        "the port does not count a == b == c as nested; the runner measures the tree",
        {"parser._Parser._operation": shallow_operation},
    ),
    Quirk(
        "trailing comma",
        "the port allows a comma after the last argument; the runner refuses it",
        {"parser._Parser._arguments": loose_arguments},
    ),
    Quirk(
        "escapes in JSON",
        "Newtonsoft, which the runner uses, escapes U+0085, U+2028 and U+2029",
        {"functions.json_writing._ESCAPED": re.compile("[\ud800-\udfff]")},
    ),
    Quirk(
        "no limits",
        "the port has no memory limit, and none on the depth of JSON",
        {"evaluator.Memory": lambda _limit: memory.Memory(2**60), "functions.json_reading.MAX_JSON_DEPTH": 10**6},
    ),
)
