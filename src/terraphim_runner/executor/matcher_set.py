"""The problem matchers that a job's steps have added, and what they find."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import FileTransferFailed
from terraphim_runner.domain.event import AnnotationLevel, SourcePlace
from terraphim_runner.executor.annotation import parse_number, relative_path
from terraphim_runner.executor.guest_file import FileTooLarge, read_file
from terraphim_runner.executor.problem_matcher import TIMEOUT_S, Matcher, MatcherInvalid, read_matchers

if TYPE_CHECKING:
    from terraphim_runner.executor.problem_matcher import MatcherConfig, Problem
    from terraphim_runner.executor.step_log import StepLog
    from terraphim_runner.ports.vm import Root

_MAX_FILE = 1024 * 1024
_MAX_LINE = 64 * 1024  # a longer line is output of a machine for a machine
_ATTEMPTS = 3  # the official runner's: a matcher that is too slow so often is removed
_COLOUR = re.compile(r"\x1b\[[0-9;]*m?")


class MatcherSet:
    """The matchers of one job, the one added last first; one owner has one."""

    def __init__(self, root: Root, workspace: str, *, timeout_s: float = TIMEOUT_S) -> None:
        """Start with none; files are read from `root`. An expression may take `timeout_s` for a line."""
        self.timeout_s = timeout_s
        self._root = root
        self.workspace = workspace
        self.configs: list[MatcherConfig] = []

    def open(self) -> OpenMatchers:
        """Give what looks for problems in one stream of one process, with what is added to this set meanwhile."""
        return OpenMatchers(self)

    async def add_file(self, path: str) -> None:
        """Add the matchers in a file of the job's root.

        Raises:
            MatcherInvalid: it cannot be read, or says what it must not.
        """
        for config in await self._read(path):
            self._drop({config.owner})
            self.configs.insert(0, config)

    async def remove_file(self, path: str) -> None:
        """Remove the owners that a file of the job's root names.

        Raises:
            MatcherInvalid: it cannot be read, or says what it must not.
        """
        self._drop({config.owner for config in await self._read(path)})

    def remove_owner(self, owner: str) -> None:
        """Remove the matcher of an owner."""
        self._drop({owner})

    def remove(self, config: MatcherConfig) -> None:
        """Remove this very matcher."""
        self.configs = [each for each in self.configs if each is not config]

    def _drop(self, owners: set[str]) -> None:
        names = {owner.casefold() for owner in owners}
        self.configs = [config for config in self.configs if config.owner.casefold() not in names]

    async def _read(self, path: str) -> list[MatcherConfig]:
        path = posixpath.join(self.workspace, path)
        try:
            content = await read_file(self._root, path, limit=_MAX_FILE)
        except (FileTransferFailed, FileTooLarge) as error:
            raise MatcherInvalid(str(error)) from error
        return read_matchers(content.decode("utf-8", errors="replace"))


class OpenMatchers:
    """The matchers at work on one stream of one process."""

    def __init__(self, matchers: MatcherSet) -> None:
        """Work with the matchers of this set."""
        self._set = matchers
        self._matchers: list[Matcher] = []
        self._late: dict[int, int] = {}  # how often each was too slow

    @property
    def is_active(self) -> bool:
        """Whether there is a matcher at all."""
        return bool(self._set.configs)

    def find(self, line: str, log: StepLog) -> bool:
        """Log the problem that a line tells of, in its stead; False if it tells of none."""
        if len(line) > _MAX_LINE:
            return False
        text = _COLOUR.sub("", line) if "\x1b[" in line else line
        for matcher in self._current():
            problem = self._match(matcher, text, log)
            if problem is None:
                continue
            for other in self._matchers:
                if other is not matcher:
                    other.reset()
            if _log_problem(problem, text, log, self._set.workspace):
                return True
        return False

    def _current(self) -> list[Matcher]:
        """Give a matcher for each of the set's, keeping those that are under way."""
        configs = self._set.configs
        if [matcher.config for matcher in self._matchers] != configs:
            known = {id(matcher.config): matcher for matcher in self._matchers}
            self._matchers = [
                known.get(id(config)) or Matcher(config, timeout_s=self._set.timeout_s) for config in configs
            ]
        return self._matchers

    def _match(self, matcher: Matcher, text: str, log: StepLog) -> Problem | None:
        try:
            return matcher.match(text)
        except TimeoutError:
            owner, key = matcher.config.owner, id(matcher.config)
            self._late[key] = self._late.get(key, 0) + 1
            if self._late[key] >= _ATTEMPTS:
                self._set.remove(matcher.config)
                log.tell_warning(f"Removing issue matcher '{owner}'. Matcher failed {_ATTEMPTS} times.")
            return None


def _log_problem(problem: Problem, text: str, log: StepLog, workspace: str) -> bool:
    message, severity = problem["message"], problem["severity"] or "error"
    if not message or not message.strip():
        log.tell_debug("Skipping logging an issue for the matched line because the message is empty.")
        return False
    try:
        level = AnnotationLevel(severity.lower())
    except ValueError:
        why = f"the severity '{severity}' is not supported"
        log.tell_debug(f"Skipped logging an issue for the matched line because {why}.")
        return False
    log.annotate(level, message, place=_place(problem, workspace), line=text)
    return True


def _place(problem: Problem, workspace: str) -> SourcePlace | None:
    """Say where the problem is, if it is in a file of the workspace: nobody else can see others."""
    file = problem["file"]
    if not file or not file.strip():
        return None
    base = posixpath.dirname(problem["fromPath"] or "")
    path = posixpath.normpath(posixpath.join(workspace, base, file))
    if not path.startswith(f"{workspace}/"):
        return None
    return SourcePlace(
        relative_path(path, workspace), line=parse_number(problem["line"]), column=parse_number(problem["column"])
    )
