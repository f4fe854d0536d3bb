"""What workflow commands in the output of a process do, by the official runner's rules (ActionCommandManager)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.event import AnnotationLevel
from terraphim_runner.executor.annotation import issue_place
from terraphim_runner.executor.file_command import BLOCKED_ENV
from terraphim_runner.executor.problem_matcher import MatcherInvalid
from terraphim_runner.executor.process_results import ProcessResults
from terraphim_runner.executor.workflow_command import COMMANDS, parse_workflow_command

if TYPE_CHECKING:
    from terraphim_runner.executor.turn import Turn
    from terraphim_runner.executor.workflow_command import WorkflowCommand

_UNECHOED = frozenset({"add-mask", "debug", "error", "warning", "notice"})
_ALLOW_COMMANDS = "ACTIONS_ALLOW_UNSECURE_COMMANDS"
_ALLOW_TOKENS = "ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS"
_TRUE = {_ALLOW_COMMANDS: frozenset({"true"}), _ALLOW_TOKENS: frozenset({"true", "1", "$true"})}
_LONG_TOKEN = 6  # a longer one is hidden from then on, so that no output can bring it about by repeating the log

# The texts are those users know from GitHub, and look for.
_DEPRECATED = (
    "The `{}` command is deprecated and will be disabled soon. Please upgrade to using Environment Files. For more"
    " information see: https://github.blog/changelog/"
    "2022-10-11-github-actions-deprecating-save-state-and-set-output-commands/"
)
_DISABLED = (
    "The `{}` command is disabled. Please upgrade to using Environment Files or opt into unsecure command"
    " execution by setting the `ACTIONS_ALLOW_UNSECURE_COMMANDS` environment variable to `true`. For more"
    " information see:"
    " https://github.blog/changelog/2020-10-01-github-actions-deprecating-set-env-and-add-path-commands/"
)
_BAD_END = (
    "You cannot use a endToken that is an empty string, the string 'pause-logging', or another workflow command."
    " For more information see: https://docs.github.com/actions/learn-github-actions/"
    "workflow-commands-for-github-actions#example-stopping-and-starting-workflow-commands or opt into insecure"
    " command execution by setting the `ACTIONS_ALLOW_UNSECURE_STOPCOMMAND_TOKENS` environment variable to `true`."
)


class CommandInvalid(ValueError):
    """A command that fails the step."""


class CommandProcessor:
    """Obeys the commands of one process."""

    def __init__(self, turn: Turn) -> None:
        """Obey in the scope of a turn, and log there."""
        scope = turn.scope
        self._log = turn.log
        self._masker = scope.frame.run.masker
        self._matchers = scope.state.matchers
        self._env = scope.env_context()
        self._workspace = scope.frame.place.workspace
        self._names = set(COMMANDS)
        self._stop_token: str | None = None
        self.is_echoing = turn.log.shows_debug
        self.results = ProcessResults()

    async def obey(self, line: str) -> bool:
        """Carry out a line if it is a command; else it is output."""
        command = parse_workflow_command(line, self._names)
        if command is None:
            return False
        if self._stop_token is not None:
            return self._resume(command, line)
        try:
            await self._perform(command, line)
        except (CommandInvalid, MatcherInvalid) as error:
            shown = command.name if command.name in _UNECHOED else line
            self._log.tell_error(f"Unable to process command '{shown}' successfully.")
            self._log.tell_error(str(error))
            self.results.blame(str(error))
        return True

    def _resume(self, command: WorkflowCommand, line: str) -> bool:
        if command.name != self._stop_token:
            return False
        self._log.say(line)
        self._names.discard(command.name)
        self._names |= COMMANDS
        self._stop_token = None
        return True

    async def _perform(self, command: WorkflowCommand, line: str) -> None:
        if self.is_echoing and command.name not in _UNECHOED:
            self._log.say(line)
        match command.name:
            case "error" | "warning" | "notice":
                self._annotate(command)
            case "group" | "endgroup":
                self._log.put(f"##[{command.name}]{command.data if command.name == 'group' else ''}")
            case "debug":
                self._log.tell_debug(command.data)
            case "add-mask":
                self._add_mask(command)
            case "add-matcher":
                await self._add_matcher(command.data)
            case "remove-matcher":
                await self._remove_matcher(command.properties.get("owner"), command.data)
            case _:
                self._set(command, line)

    def _set(self, command: WorkflowCommand, line: str) -> None:
        match command.name:
            case "echo":
                self._echo(command.data)
            case "stop-commands":
                self._stop(command.data, line)
            case "set-output":
                self._log.tell_warning(_DEPRECATED.format(command.name))
                self.results.outputs[_name(command)] = command.data
            case "save-state":
                self._log.tell_warning(_DEPRECATED.format(command.name))
                self.results.state[_name(command)] = command.data
            case "set-env":
                self._set_env(command)
            case "add-path":
                self._add_path(command)
            case _:
                raise CommandInvalid(f"Can't find command extension for ##[{command.name}.command].")

    def _annotate(self, command: WorkflowCommand) -> None:
        level = AnnotationLevel(command.name)
        place = issue_place(command, self._workspace)
        self._log.annotate(level, command.data, title=command.properties.get("title"), place=place)

    def _add_mask(self, command: WorkflowCommand) -> None:
        if not command.data.strip():
            self._log.tell_warning("Can't add secret mask for empty string in ##[add-mask] command.")
            return
        if self.is_echoing:
            self._log.say("::add-mask::***")
        self._masker.add(command.data)

    async def _add_matcher(self, path: str) -> None:
        if path:
            await self._matchers.add_file(path)
        else:
            self._log.tell_warning("File path must be specified.")

    async def _remove_matcher(self, owner: str | None, path: str) -> None:
        if owner and path:
            self._log.tell_warning(
                "Either specify an owner name or a file path in ##[remove-matcher] command. Both values cannot be"
                " set."
            )
        elif owner:
            self._matchers.remove_owner(owner)
        elif path:
            await self._matchers.remove_file(path)
        else:
            self._log.tell_warning(
                "Either an owner name or a file path must be specified in ##[remove-matcher] command."
            )

    def _echo(self, value: str) -> None:
        match value.strip().lower():
            case "on":
                self.is_echoing = True
            case "off":
                self.is_echoing = False
            case _:
                possible = "Possible values can be: 'on', 'off'."
                raise CommandInvalid(f"Invalid echo command value. {possible} Current value is: '{value}'.")

    def _stop(self, token: str, line: str) -> None:
        name = token.lower()
        if (not name or name == "pause-logging" or name in self._names) and not self._allows(_ALLOW_TOKENS):
            raise CommandInvalid(_BAD_END)
        self._stop_token = name
        self._names.add(name)
        if len(token) > _LONG_TOKEN:
            self._masker.add(token)
        if not self.is_echoing:
            self._log.say(line)

    def _set_env(self, command: WorkflowCommand) -> None:
        self._check_allowed(command)
        name = _name(command)
        if name.upper() in BLOCKED_ENV:
            self._log.tell_error(f"Can't update {name.upper()} environment variable using ::set-env:: command.")
            return
        self.results.env[name] = command.data

    def _add_path(self, command: WorkflowCommand) -> None:
        self._check_allowed(command)
        if not command.data:
            raise CommandInvalid("Required field 'path' is missing in ##[add-path] command.")
        self.results.path.append(command.data)

    def _check_allowed(self, command: WorkflowCommand) -> None:
        if not self._allows(_ALLOW_COMMANDS):
            raise CommandInvalid(_DISABLED.format(command.name))

    def _allows(self, variable: str) -> bool:
        return self._env.get(variable, "").strip().lower() in _TRUE[variable]


def _name(command: WorkflowCommand) -> str:
    name = command.properties.get("name")
    if not name:
        raise CommandInvalid(f"Required field 'name' is missing in ##[{command.name}] command.")
    return name
