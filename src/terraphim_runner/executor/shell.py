"""How a `run:` script becomes a command, by the rules of GitHub's runner (ScriptHandler)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from terraphim_runner.executor.argument import split_arguments

_PLACEHOLDER = "{0}"

# What follows the program, as the official runner calls it.
_ARGUMENTS = {
    "bash": "--noprofile --norc -e -o pipefail {0}",
    "sh": "-e {0}",
    "python": "{0}",
    "pwsh": "-command \". '{0}'\"",
}
_SUFFIXES = {"bash": ".sh", "sh": ".sh", "python": ".py", "pwsh": ".ps1"}
# Without `shell:` it is plain bash: no pipefail, which is the difference from `shell: bash`.
_UNNAMED = "bash -e {0}"
_BRACE = re.compile(r"\{\{|\}\}|\{0\}|[{}]")

WINDOWS_ONLY = frozenset({"cmd", "powershell"})


class ShellInvalid(ValueError):
    """The `shell:` is neither a known name nor a template with `{0}`."""


@dataclass(frozen=True, slots=True)
class Script:
    """A script as it will be run: `argv` names the file at `path`, whose content is `text`."""

    argv: tuple[str, ...]
    path: str
    text: str


def make_script(run: str, *, shell: str | None, stem: str) -> Script:
    """Turn a `run:` text into a file and a command line; `stem` is the file's path without its suffix.

    Raises:
        ShellInvalid: see there; the message says what is wrong.
    """
    template = _template(shell)
    program = template.partition(" ")[0]
    path = stem + _SUFFIXES.get(program, "")
    return Script(argv=split_arguments(_format(template, path)), path=path, text=_complete(run, program))


def check_shell(shell: str | None) -> None:
    """Refuse what `make_script` would refuse.

    Raises:
        ShellInvalid: see there.
    """
    _format(_template(shell), "")


def _template(shell: str | None) -> str:
    if not shell:
        return _UNNAMED
    program, _, arguments = shell.partition(" ")
    if program in WINDOWS_ONLY:
        raise ShellInvalid(f"the shell '{program}' exists only on Windows")
    arguments = arguments.lstrip() or _ARGUMENTS.get(program, "")
    if _PLACEHOLDER not in arguments:
        raise ShellInvalid(
            f"invalid shell option '{shell}': it must be a built-in (bash, sh, python, pwsh) or a format string "
            "containing '{0}'"
        )
    return f"{program} {arguments}"


def _format(template: str, path: str) -> str:
    """Put the path in, by the rules of .NET's format strings: braces are doubled."""

    def replace(found: re.Match[str]) -> str:
        match found[0]:
            case "{0}":
                return path
            case "{{" | "}}":
                return found[0][0]
            case _:
                raise ShellInvalid(
                    f"invalid shell option '{template}': a brace that is none of '{{0}}' is doubled"
                )

    return _BRACE.sub(replace, template)


def _complete(run: str, program: str) -> str:
    if program == "pwsh":
        last = "if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }"
        return f"$ErrorActionPreference = 'stop'\n{run}\n{last}"
    return run
