"""What one filter of `on` says about an event, in a clause that follows «because»."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.workflow.filter_pattern import (
    compile_pattern,
    deciding_pattern,
    ignoring_pattern,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from terraphim_runner.domain.diagnostic import Span
    from terraphim_runner.workflow.event import Filter

MAX_FILES = 300  # of a diff that GitHub looks at
MAX_COMMITS = 1000  # of a push beyond which GitHub does not look at paths
_MAX_LISTED = 3


@dataclass(frozen=True, slots=True)
class Clause:
    """One filter's answer; it is not certain where what it asks for is not known."""

    passes: bool
    reason: str
    span: Span
    is_certain: bool = True


def name_clause(what: str, name: str, key: str, wanted: Filter | None, ignored: Filter | None) -> list[Clause]:
    """Judge a branch or a tag by a filter and its `-ignore` twin; `key` is `on.push.branches`, for instance."""
    clauses = []
    if wanted is not None:
        clauses.append(_wanted_name(what, name, key, wanted))
    if ignored is not None:
        clauses.append(_ignored_name(what, name, f"{key}-ignore", ignored))
    return clauses


def _wanted_name(what: str, name: str, key: str, wanted: Filter) -> Clause:
    if not name:
        return _unknown(f"the {what} is not known", key, wanted)
    patterns = _texts(wanted)
    index = deciding_pattern(patterns, name)
    if index is None:
        listed = f": {_list(patterns)}" if patterns else ", which is empty"
        return Clause(False, f"{what} '{name}' matches none of {_place(key, wanted)}{listed}", wanted.span)
    text, span = patterns[index], wanted.patterns[index].span
    if compile_pattern(text).is_negative:
        return Clause(False, f"{what} '{name}' is taken away by '{text}' in {key} (line {span.start.line})", span)
    return Clause(True, f"{what} '{name}' matches '{text}' in {key} (line {span.start.line})", span)


def _ignored_name(what: str, name: str, key: str, ignored: Filter) -> Clause:
    if not name:
        return _unknown(f"the {what} is not known", key, ignored)
    patterns = _texts(ignored)
    index = ignoring_pattern(patterns, name)
    if index is None:
        return Clause(True, f"{what} '{name}' matches none of {_place(key, ignored)}", ignored.span)
    span = ignored.patterns[index].span
    return Clause(False, f"{what} '{name}' matches '{patterns[index]}' in {key} (line {span.start.line})", span)


def path_clauses(
    files: Sequence[str] | None, commits: int, event: str, wanted: Filter | None, ignored: Filter | None
) -> list[Clause]:
    """Judge the changed files by `paths` and `paths-ignore`."""
    filters: tuple[tuple[str, Filter | None, Callable[[Sequence[str], str, Filter], Clause]], ...] = (
        (f"on.{event}.paths", wanted, _wanted_paths),
        (f"on.{event}.paths-ignore", ignored, _ignored_paths),
    )
    clauses = []
    for key, patterns, judge in filters:
        if patterns is None:
            continue
        if commits > MAX_COMMITS:
            place = _place(key, patterns)
            reason = f"more than {MAX_COMMITS} commits were pushed, and then GitHub does not look at {place}"
            clauses.append(Clause(True, reason, patterns.span))
        elif files is None:
            clauses.append(_unknown("the changed files are not known", key, patterns))
        elif not files:
            clauses.append(
                Clause(
                    False, f"no files changed, and with {_place(key, patterns)} that starts nothing", patterns.span
                )
            )
        else:
            clauses.append(judge(files, key, patterns))
    return clauses


def _wanted_paths(files: Sequence[str], key: str, wanted: Filter) -> Clause:
    patterns = _texts(wanted)
    for file in files[:MAX_FILES]:
        index = deciding_pattern(patterns, file)
        if index is not None and not compile_pattern(patterns[index]).is_negative:
            span = wanted.patterns[index].span
            reason = f"changed file '{file}' matches '{patterns[index]}' in {key} (line {span.start.line})"
            return Clause(True, reason, span)
    return Clause(False, f"{_none_of(files)} matches {_place(key, wanted)}", wanted.span)


def _ignored_paths(files: Sequence[str], key: str, ignored: Filter) -> Clause:
    patterns = _texts(ignored)
    for file in files[:MAX_FILES]:
        if ignoring_pattern(patterns, file) is None:
            return Clause(True, f"changed file '{file}' matches none of {_place(key, ignored)}", ignored.span)
    count = f"the {len(files)} changed files" if len(files) > 1 else f"the only changed file, '{files[0]}',"
    if len(files) > MAX_FILES:
        count = f"the first {MAX_FILES} of {len(files)} changed files, which is all GitHub looks at,"
    every = f"all of {count} match" if len(files) > 1 else f"{count} matches"
    return Clause(False, f"{every} {_place(key, ignored)}", ignored.span)


def _none_of(files: Sequence[str]) -> str:
    if len(files) > MAX_FILES:
        return f"none of the first {MAX_FILES} of {len(files)} changed files, which is all GitHub looks at,"
    if len(files) == 1:
        return f"the only changed file, '{files[0]}', is none that"
    return f"none of the {len(files)} changed files ({_list(files)})"


def type_clause(
    action: str | None, event: str, types: Filter | None, defaults: Sequence[str], span: Span
) -> list[Clause]:
    """Judge the activity by `types`, or by what GitHub takes where there are none."""
    key = f"on.{event}.types"
    if types is not None and action is None:
        return [_unknown("the payload names no activity", key, types)]
    if types is not None:
        names = _texts(types)
        if action in names:
            named = types.patterns[names.index(action)].span
            return [Clause(True, f"activity '{action}' is in {key} (line {named.start.line})", named)]
        return [Clause(False, f"activity '{action}' is not in {_place(key, types)}: {_list(names)}", types.span)]
    if not defaults or action is None:
        return []
    place = f"on.{event} (line {span.start.line}), which names no types"
    if action in defaults:
        return [Clause(True, f"activity '{action}' starts {place}", span)]
    only = f"then only {', '.join(defaults[:-1])} and {defaults[-1]} do"
    return [Clause(False, f"activity '{action}' does not start {place}: {only}", span)]


def exact_clause(what: str, name: str | None, key: str, wanted: Filter) -> Clause:
    """Judge a name by a list of names that are no patterns."""
    if name is None:
        return _unknown(f"the {what} is not known", key, wanted)
    names = _texts(wanted)
    if name in names:
        span = wanted.patterns[names.index(name)].span
        return Clause(True, f"{what} '{name}' is in {key} (line {span.start.line})", span)
    return Clause(False, f"{what} '{name}' is not in {_place(key, wanted)}: {_list(names)}", wanted.span)


def _unknown(what: str, key: str, judged: Filter) -> Clause:
    reason = f"{what}, so {_place(key, judged)} cannot be judged and counts as passed"
    return Clause(True, reason, judged.span, is_certain=False)


def _texts(judged: Filter) -> list[str]:
    return [pattern.value for pattern in judged.patterns]


def _place(key: str, judged: Filter) -> str:
    return f"{key} (line {judged.span.start.line})"


def _list(names: Sequence[str]) -> str:
    listed = ", ".join(f"'{name}'" for name in names[:_MAX_LISTED])
    return listed if len(names) <= _MAX_LISTED else f"{listed} and {len(names) - _MAX_LISTED} more"
