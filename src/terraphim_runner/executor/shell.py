"""How a `run:` script becomes a command, by the rules of GitHub's runner (ScriptHandler)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

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
    path = stem + _SUFFIXES.get(shell or "bash", "")
    text = _fix(run, shell)
    return Script(
        argv=tuple(word.replace(_PLACEHOLDER, path) for word in shlex.split(template)), path=path, text=text
    )


def check_shell(shell: str | None) -> None:
    """Refuse what `make_script` would refuse.

    Raises:
        ShellInvalid: see there.
    """
    _template(shell)


def _template(shell: str | None) -> str:
    if not shell:
        return _UNNAMED
    if shell in _ARGUMENTS:
        return f"{shell} {_ARGUMENTS[shell]}"
    if shell in WINDOWS_ONLY:
        raise ShellInvalid(f"the shell '{shell}' exists only on Windows")
    if _PLACEHOLDER not in shell:
        raise ShellInvalid(
            f"invalid shell option '{shell}': it must be a built-in (bash, sh, python, pwsh) or a format string "
            "containing '{0}'"
        )
    try:
        shlex.split(shell)
    except ValueError as error:
        raise ShellInvalid(f"invalid shell option '{shell}': {error}") from error
    return shell


def _fix(run: str, shell: str | None) -> str:
    text = run.replace("\r\n", "\n")
    if shell == "pwsh":
        last = "if ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) { exit $LASTEXITCODE }"
        return f"$ErrorActionPreference = 'stop'\n{text}\n{last}"
    return text + "\n"
