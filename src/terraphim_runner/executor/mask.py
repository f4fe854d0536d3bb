"""Hide secrets in output, on the host."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ahocorasick_rs import AhoCorasick

from terraphim_runner.executor.encodable import encodable
from terraphim_runner.executor.secret_form import secret_forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MASK = "***"

# What terminals do not show: two halves of a secret with a colour between them are read as one.
_UNSEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")

# Names of secrets, folded, that are no secrets: who sets them to `true` does not want `true` hidden. As on GitHub.
_NOT_SECRET = frozenset({"actions_step_debug", "actions_runner_debug"})

Stretch = tuple[int, int]  # from, up to


@dataclass(frozen=True, slots=True)
class _Searcher:
    """Finds some forms, all in one pass over the text."""

    forms: frozenset[str]
    automaton: AhoCorasick


class Masker:
    """Replaces every registered value by `***`, in each of its forms; what overlaps is hidden as one.

    Values may be added at any time. Like the official runner it hides the shortest values too: whoever makes a
    secret of `1` gets a log without ones.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Know these secrets."""
        self._known: set[str] = set()
        self._pending: set[str] = set()
        self._searchers: list[_Searcher] = []  # each far larger than the next
        self._longest = 0  # of the forms, in bytes
        for value in values:
            self.add(value)

    def add(self, value: str) -> None:
        """Register a secret; each line of it that is not blank is one too."""
        if not value.strip():
            return
        for part in {value, value.strip(), *(line.strip() for line in re.split(r"[\r\n]+", value))}:
            if part and part not in self._known:
                self._known.add(part)
                self._pending |= secret_forms(encodable(part))

    def add_secrets(self, secrets: Mapping[str, str]) -> None:
        """Register the values of secrets, by name; of those that only turn on debugging, none."""
        for name, value in secrets.items():
            if name.casefold() not in _NOT_SECRET:
                self.add(value)

    @classmethod
    def of(cls, secrets: Mapping[str, str]) -> Masker:
        """Make one that knows these, by name."""
        masker = cls()
        masker.add_secrets(secrets)
        return masker

    def mask(self, text: str) -> str:
        """Give the text without secrets."""
        self._settle()
        if not self._searchers:
            return text
        try:
            stretches = self._find(text)
        except UnicodeEncodeError:  # a file name that is no text, for instance
            text = encodable(text)
            stretches = self._find(text)
        if stretches:
            text = _hide(text, stretches)
        if not text.isprintable() and (stretches := self._find(_UNSEEN.sub("", text))):
            text = _hide(text, _with_unseen(text, stretches))
        return text

    @property
    def margin(self) -> int:
        """How many bytes of UTF-8 have to be seen beyond a place to tell whether a secret stands across it."""
        self._settle()
        return self._longest

    def cut(self, text: str, end: int) -> int:
        """Give the place nearest before `end` where text can be cut without cutting a secret.

        Where the text up to there is nothing but secrets, it is a place after `end`, or `end` if there is none.
        """
        self._settle()
        for start, last in _joined(self._find(text), touching=False):
            if start < end < last:
                return start or (last if last < len(text) else end)
        return end

    def _settle(self) -> None:
        """Make a searcher of what is new and of those not much larger: few are left, and adding stays cheap."""
        if not self._pending:
            return
        forms = frozenset(self._pending)
        self._pending = set()
        self._longest = max(self._longest, *(len(form.encode()) for form in forms))
        while self._searchers and len(self._searchers[-1].forms) < 2 * len(forms):
            forms |= self._searchers.pop().forms
        self._searchers.append(_Searcher(forms, AhoCorasick(forms)))

    def _find(self, text: str) -> list[Stretch]:
        return [
            (start, end)
            for searcher in self._searchers
            for _, start, end in searcher.automaton.find_matches_as_indexes(text, overlapping=True)
        ]


def _hide(text: str, stretches: list[Stretch]) -> str:
    pieces = []
    shown = 0
    for start, end in _joined(stretches, touching=True):
        pieces += [text[shown:start], MASK]
        shown = end
    return "".join([*pieces, text[shown:]])


def _joined(stretches: list[Stretch], *, touching: bool) -> list[Stretch]:
    """Make one of those that overlap, and of those that touch if that is wanted; give them in order."""
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if joined and (start < joined[-1][1] or (touching and start == joined[-1][1])):
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _with_unseen(text: str, stretches: list[Stretch]) -> list[Stretch]:
    """Give where in the text that is which was found in what a reader sees of it."""
    seen = list(range(len(text)))
    for unseen in reversed([*_UNSEEN.finditer(text)]):
        del seen[unseen.start() : unseen.end()]
    return [(seen[start], seen[end - 1] + 1) for start, end in stretches]
