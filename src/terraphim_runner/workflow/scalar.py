"""What a YAML scalar means, by the core schema of YAML 1.2, as GitHub reads it.

`on`, `yes` and `no` are strings, `0755` is the number 755, and every number is a double.
"""

from __future__ import annotations

import re

from terraphim_runner.workflow.source import Style

ScalarValue = str | float | bool | None

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_MAYBE_NUMBER = frozenset("+-.0123456789")

_CORE = "tag:yaml.org,2002:"


class TagError(ValueError):
    """The value does not fit its tag."""


def resolve(text: str, style: Style, tag: str | None) -> ScalarValue:
    """Find out what a scalar means.

    Raises:
        TagError: an explicit tag that the value does not fit, or one that GitHub does not know.
    """
    if tag is not None:
        return _resolve_tagged(text, style, tag)
    return _resolve_plain(text) if style is Style.PLAIN else text


def _resolve_plain(text: str) -> ScalarValue:
    if text in _NULLS:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    number = _number(text) if text[0] in _MAYBE_NUMBER else None
    return text if number is None else number


def _number(text: str) -> float | None:
    if _INTEGER.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return _double(int(text[2:], base)) if base != 10 else float(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    if _NOT_FINITE.fullmatch(text):
        return float(text.replace(".", ""))
    return None


def _double(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def _resolve_tagged(text: str, style: Style, tag: str) -> ScalarValue:
    kind = tag.removeprefix(_CORE)
    if tag == "!" or kind == "str":
        return text
    if kind not in {"bool", "int", "float", "null"} or kind == tag:
        raise TagError(f"Unexpected tag '{tag}'")
    if style is not Style.PLAIN:
        raise TagError(f"A quoted or block scalar cannot have the tag '{tag}'")
    value = _resolve_plain(text)
    fits = {
        "bool": isinstance(value, bool),
        "int": isinstance(value, float) and _INTEGER.fullmatch(text) is not None,
        "float": isinstance(value, float),
        "null": value is None,
    }
    if not fits[kind]:
        raise TagError(f"The value '{text}' is invalid for the type '{tag}'")
    return value
