"""Whether a filter pattern of `on` is well formed."""

from __future__ import annotations

import re

_ELEMENT = re.compile(r"\\.|\[[^\]]*\]|\*\*|.", re.DOTALL)


def pattern_fault(pattern: str) -> str | None:
    """Say what is wrong with a pattern for branches, tags or paths."""
    positive = pattern.removeprefix("!")
    if not positive:
        return "a pattern follows the !" if pattern else "a pattern is not empty"
    if "\n" in pattern or "\r" in pattern:
        return "a pattern is one line"
    before = ""
    for element in _ELEMENT.findall(positive):
        fault = _element_fault(element, before)
        if fault is not None:
            return fault
        before = element
    return None


def _element_fault(element: str, before: str) -> str | None:
    if element == "[":
        return "the [ is not closed; write \\[ for the character itself"
    if element[0] == "[":
        return _set_fault(element[1:-1])
    if element in {"+", "?"} and before in {"", "*", "**", "+", "?"}:
        return f"{element} repeats the character before it, and there is none; else write \\{element}"
    return None


def _set_fault(inside: str) -> str | None:
    if not inside:
        return "the [ ] is empty"
    if len(inside) > 1 and inside.endswith("-"):
        return "the range has no end"
    for low, high in re.findall(r"(.)-(.)", inside):
        if low > high:
            return f"the range {low}-{high} is the wrong way round"
    return None


def ref_doubt(pattern: str) -> str | None:
    """Say why no branch or tag can ever match a well-formed pattern."""
    positive = pattern.removeprefix("!")
    if positive.startswith(("/", "refs/")):
        return "a pattern is a name alone, as `main` or `v1.*`, without refs/heads/ or a slash in front"
    if positive.endswith(("/", ".")):
        return "no name ends with a slash or a dot"
    if re.search(r"[ ~^:]|\\[\[?*]", positive):
        return "no name holds a space or one of ~ ^ : [ ? *"
    if "\\" in re.sub(r"\\[\[?*+\\!]", "", positive):
        return "a backslash stands before one of [ ? * + \\ ! only; patterns are no regular expressions"
    return None
