"""Random expressions with contexts: sound ones, odd ones, and ones with a mistake in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.oracle.expression_words import (
    BAD_JSON,
    BINARY,
    CONTEXT_NAMES,
    FORMATS,
    FUNCTIONS,
    JSON_TEXTS,
    KEYS,
    LITERALS,
    NOISE,
    NUMBERS,
    NUMERIC,
    ODD_NUMBERS,
    OPERATORS,
    OUTSIDE,
    PLAIN,
    STEPS,
    UNICODE,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random


@dataclass(frozen=True, slots=True)
class Case:
    """An expression and its contexts, as plain data."""

    expr: str
    contexts: dict[str, Any]


def cases(random: Random, count: int) -> Iterator[Case]:
    """Generate `count` cases; the same seed gives the same ones."""
    for _ in range(count):
        contexts = {name: _data(random, 3) for name in random.sample(CONTEXT_NAMES, random.randint(0, 5))}
        way = random.choices([way for _, way in _WAYS], [weight for weight, _ in _WAYS])[0]
        yield Case(way(random, contexts), contexts)


def quoted(text: str) -> str:
    """Write a string literal."""
    return "'" + text.replace("'", "''") + "'"


def _data(random: Random, depth: int) -> Any:
    shape = random.random()
    if depth and shape < 0.35:
        return {random.choice(KEYS): _data(random, depth - 1) for _ in range(random.randint(0, 4))}
    if depth and shape < 0.55:
        return [_data(random, depth - 1) for _ in range(random.randint(0, 4))]
    return _scalar(random)


def _scalar(random: Random) -> Any:
    number = random.choice((0, 1, -1, 2, 1.5, -2.25, 100, 12345678901, 0.001))
    return random.choice(
        (None, True, False, number, random.choice(PLAIN), random.choice(NUMERIC), random.choice(UNICODE))
    )


def _sound(random: Random, contexts: dict[str, Any]) -> str:
    return _expression(random, contexts, random.randint(0, 4))


def _expression(random: Random, contexts: dict[str, Any], depth: int) -> str:
    if depth <= 0:
        return _leaf(random, contexts)
    way = random.random()
    if way < 0.3:
        left, right = (_expression(random, contexts, depth - 1) for _ in range(2))
        return f"{left}{_space(random)}{random.choice(OPERATORS)}{_space(random)}{right}"
    if way < 0.38:
        return f"!{_space(random)}{_expression(random, contexts, depth - 1)}"
    if way < 0.5:
        return f"({_expression(random, contexts, depth - 1)}){_path(random, contexts)}"
    if way < 0.85:
        return _call(random, contexts, depth - 1)
    return _leaf(random, contexts)


def _leaf(random: Random, contexts: dict[str, Any]) -> str:
    way = random.random()
    if way < 0.4 and contexts:
        return _access(random, contexts)
    if way < 0.55:
        return random.choice(NUMBERS)
    if way < 0.65:
        return random.choice(LITERALS)
    if way < 0.7:
        return random.choice(OUTSIDE)
    return quoted(random.choice((random.choice(PLAIN), random.choice(NUMERIC), random.choice(UNICODE))))


def _access(random: Random, contexts: dict[str, Any]) -> str:
    """Name a context and, mostly, walk down what it really holds."""
    name = random.choice(list(contexts))
    text, value = random.choice((name, name, name.upper())), contexts[name]
    while random.random() < 0.75:
        if isinstance(value, dict) and value and random.random() < 0.8:
            key = random.choice(list(value))
            text += (
                f".{key}" if key.isidentifier() and key.isascii() and random.random() < 0.7 else f"[{quoted(key)}]"
            )
            value = value[key]
        elif isinstance(value, list) and value and random.random() < 0.8:
            index = random.randrange(len(value))
            text += f"[{index}]"
            value = value[index]
        else:
            return text + _path(random, contexts)
    return text


def _path(random: Random, contexts: dict[str, Any]) -> str:
    path = "".join(random.choice(STEPS) for _ in range(random.choice((0, 0, 1, 1, 2, 3))))
    return path + (f"[{_leaf(random, contexts)}]" if random.random() < 0.15 else "")


def _call(random: Random, contexts: dict[str, Any], depth: int) -> str:
    def argument() -> str:
        return _expression(random, contexts, depth)

    path = _path(random, contexts)
    separator = random.choice(("", ", " + argument()))
    calls = (
        (7, f"{random.choice(BINARY)}({argument()},{_space(random)}{argument()})"),
        (3, f"join({argument()}{separator}){path}"),
        (2, f"toJSON({argument()})"),
        (3, f"fromJSON({quoted(random.choice(JSON_TEXTS))}){path}"),
        (1, f"fromJSON(toJSON({argument()})){path}"),
        (2, f"case({argument()} == {argument()}, {argument()}, {argument()})"),
        (2, _format(random, contexts, depth)),
    )
    return random.choices([call for _, call in calls], [weight for weight, _ in calls])[0]


def _format(random: Random, contexts: dict[str, Any], depth: int = 1) -> str:
    pattern = "".join(random.choice(FORMATS) for _ in range(random.randint(1, 3)))
    arguments = [_expression(random, contexts, depth) for _ in range(random.randint(0, 3))]
    return f"format({', '.join([quoted(pattern), *arguments])})"


def _json(random: Random, contexts: dict[str, Any]) -> str:
    """Read JSON that is odd, broken, or a context's own with a letter changed."""
    text = random.choice((random.choice(BAD_JSON), random.choice(JSON_TEXTS), json.dumps(contexts)))
    return (
        f"fromJSON({quoted(_mutated(random, text) if random.random() < 0.4 else text)}){_path(random, contexts)}"
    )


def _broken(random: Random, contexts: dict[str, Any]) -> str:
    text = _sound(random, contexts)
    for _ in range(random.randint(1, 2)):
        text = _mutated(random, text)
    return text


def _mutated(random: Random, text: str) -> str:
    at = random.randint(0, len(text))
    match random.randrange(4):
        case 0:
            return text[:at] + text[at + random.randint(1, 3) :]
        case 1:
            return text[:at] + random.choice(NOISE) + text[at:]
        case 2:
            return text[:at] + random.choice(NOISE) + text[at + 1 :]
        case _:
            return text[:at] + text[at // 2 : at] + text[at:]


def _soup(random: Random, contexts: dict[str, Any]) -> str:
    words = (*NOISE, *contexts, *NUMBERS, *OUTSIDE, "format(", "contains(", "case(")
    return "".join(random.choice(words) + _space(random) for _ in range(random.randint(1, 9)))


def _numeral(random: Random, _contexts: dict[str, Any]) -> str:
    digits = "".join(random.choice("0123456789") for _ in range(random.randint(1, 12)))
    made = f"{random.choice(('', '-', '+'))}{digits}{random.choice(('', '.', '.5', '.25', 'e1', 'e-2'))}"
    number = random.choice((random.choice(NUMBERS), random.choice(ODD_NUMBERS), made))
    return (
        random.choice(("{}", "format('{{0}}', {})", "toJSON({})", "{} == '{}'", "!{}", "'{}' > 0"))
        .replace("{}", number)
        .replace("{{0}}", "{0}")
    )


def _deep(random: Random, contexts: dict[str, Any]) -> str:
    """Nest until the limit is near, one way or all ways."""
    name = next(iter(contexts), "1")
    wraps = (
        "!{}",
        "{}.a",
        "{}[0]",
        "{}.*",
        "join({})",
        "({})",
        "{} == 1",
        "1 != ({})",
        "1 && ({} || 0)",
        "0 || !{}",
    )
    only = random.choice((None, *wraps, f"{name}[{{}}]", "1 < {}", "{} && 1"))
    text = name
    for _ in range(random.randint(20, 56)):
        text = (only or random.choice(wraps)).replace("{}", text)
    return text


def _letters(random: Random, _contexts: dict[str, Any]) -> str:
    """Compare strings that differ in case, or in what some call case."""
    left, right = (quoted("".join(random.choices(UNICODE, k=random.randint(1, 2)))) for _ in range(2))
    way = random.choice((*OPERATORS[:6], *BINARY))
    if way in OPERATORS:
        return f"{left} {way} {right}"
    searched = f"fromJSON('[{json.dumps(left[1:-1])}]')" if random.random() < 0.2 else left
    return f"{way}({searched}, {right})"


def _arity(random: Random, contexts: dict[str, Any]) -> str:
    arguments = [_leaf(random, contexts) for _ in range(random.randint(0, 6))]
    return f"{random.choice(FUNCTIONS)}({', '.join(arguments)})"


def _space(random: Random) -> str:
    return random.choice(("", " ", " ", " ", "  ", "\n", "\t", "\r\n"))


def _path_only(random: Random, contexts: dict[str, Any]) -> str:
    return _access(random, contexts) if contexts else "github"


_WAYS: tuple[tuple[int, Callable[[Random, dict[str, Any]], str]], ...] = (
    (38, _sound),
    (14, _broken),
    (10, _format),
    (9, _json),
    (7, _numeral),
    (7, _path_only),
    (5, _soup),
    (4, _arity),
    (4, _letters),
    (2, _deep),
)
