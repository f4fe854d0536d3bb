r"""Filter patterns of branches, tags and paths, matched.

`*` is anything but a slash, `**` anything, `?` and `+` make the character before them optional or repeated,
`[a-z]` is one character of a set, `\` takes the next character as it is, `!` in front takes away.

A pattern is a small automaton whose states are the bits of a number. What it does with a character is remembered,
so matching takes one look-up per character, and time grows with the name's length whatever the pattern: no
backtracking. A malformed pattern (the reader has reported it) is matched as far as it makes sense.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPEATED, _OPTIONAL = "+", "?"
_MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Element:
    """One character of a name: which ones fit, how far one may go on without any, and whether it may repeat.

    `only` None means every character but those in `never`.
    """

    only: frozenset[str] | None = None
    never: frozenset[str] = frozenset()
    skips: tuple[int, ...] = ()
    repeats: bool = False

    def fits(self, character: str) -> bool:
        return character not in self.never if self.only is None else character in self.only


_SLASH = frozenset("/")
_ANY_BUT_SLASH = _Element(never=_SLASH, skips=(1,), repeats=True)
_ANYTHING = _Element(skips=(1,), repeats=True)
# `**/`: nothing at all, or anything that ends in a slash. The choice is made once, where the directories begin:
# `**/a` is not to match `xa`.
_DIRECTORIES = (_Element(only=frozenset(), skips=(1, 3)), _ANYTHING, _Element(only=_SLASH))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, compiled. `text` is as written, `!` included."""

    text: str
    is_negative: bool
    _elements: tuple[_Element, ...]
    _remembered: dict[tuple[int, str], int] = field(default_factory=dict, compare=False, repr=False)

    def matches(self, name: str) -> bool:
        """Tell whether the whole name fits, the `!` aside."""
        states, remembered = self._closed(1), self._remembered
        for character in name:
            following = remembered.get((states, character))
            states = self._step(states, character) if following is None else following
            if not states:
                return False
        return bool(states >> len(self._elements) & 1)

    def _step(self, states: int, character: str) -> int:
        following = 0
        for index, element in enumerate(self._elements):
            if states >> index & 1 and element.fits(character):
                following |= (3 if element.repeats else 2) << index
        following = self._closed(following)
        if len(self._remembered) >= _MAX_REMEMBERED:
            self._remembered.clear()
        self._remembered[states, character] = following
        return following

    def _closed(self, states: int) -> int:
        for index, element in enumerate(self._elements):
            if element.skips and states >> index & 1:
                for skip in element.skips:
                    states |= 1 << index + skip
        return states


@lru_cache(maxsize=2048)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern, once."""
    is_negative = text.startswith("!")
    return Pattern(text, is_negative, tuple(_Compiler(text[is_negative:]).elements()))


def deciding_pattern(patterns: Sequence[str], name: str) -> int | None:
    """Find which of the patterns of `branches`, `tags` or `paths` decides: the last one that matches.

    The name is selected if that one is not negative.
    """
    for index in range(len(patterns) - 1, -1, -1):
        if compile_pattern(patterns[index]).matches(name):
            return index
    return None


def selects(patterns: Sequence[str], name: str) -> bool:
    """Tell whether `branches`, `tags` or `paths` with these patterns selects the name."""
    index = deciding_pattern(patterns, name)
    return index is not None and not compile_pattern(patterns[index]).is_negative


def ignoring_pattern(patterns: Sequence[str], name: str) -> int | None:
    """Find which of the patterns of a filter that ends in `-ignore` is the first to ignore the name.

    The documentation has no `!` for these. A negative pattern ignores every name it does not match.
    """
    for index, text in enumerate(patterns):
        pattern = compile_pattern(text)
        if pattern.matches(name) is not pattern.is_negative:
            return index
    return None


class _Compiler:
    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def elements(self) -> list[_Element]:
        elements: list[_Element] = []
        repeatable = False  # whether the element before may have a `?` or `+`
        while self._position < len(self._text):
            character = self._text[self._position]
            if character in {_REPEATED, _OPTIONAL} and repeatable:
                elements.append(_modified(elements.pop(), character))
                self._position += 1
                repeatable = False
            elif character == "*":
                elements += self._stars()
                repeatable = False
            else:
                elements.append(_Element(only=self._set() if character == "[" else self._literal()))
                repeatable = True
        return elements

    def _stars(self) -> tuple[_Element, ...]:
        start = self._position
        while self._text.startswith("*", self._position):
            self._position += 1
        if self._position - start == 1:
            return (_ANY_BUT_SLASH,)
        at_segment = start == 0 or self._text[start - 1] == "/"
        if at_segment and self._text.startswith("/", self._position):
            self._position += 1
            return _DIRECTORIES
        return (_ANYTHING,)

    def _literal(self) -> frozenset[str]:
        if self._text[self._position] == "\\" and self._position + 1 < len(self._text):
            self._position += 1
        self._position += 1
        return frozenset(self._text[self._position - 1])

    def _set(self) -> frozenset[str]:
        end = self._text.find("]", self._position)
        if end < 0:
            return self._literal()
        inside, self._position = self._text[self._position + 1 : end], end + 1
        return _characters(inside)


def _modified(element: _Element, modifier: str) -> _Element:
    return _Element(only=element.only, skips=(1,) if modifier == _OPTIONAL else (), repeats=modifier == _REPEATED)


def _characters(inside: str) -> frozenset[str]:
    found: set[str] = set()
    index = 0
    while index < len(inside):
        if inside[index + 1 : index + 2] == "-" and index + 2 < len(inside):
            found.update(map(chr, range(ord(inside[index]), ord(inside[index + 2]) + 1)))
            index += 3
        else:
            found.add(inside[index])
            index += 1
    return frozenset(found)
