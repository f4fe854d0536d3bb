"""The one place that turns errors into messages and exit statuses."""

from __future__ import annotations

import errno
import os
import platform
import re
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from terraphim_runner.cli.terminal_text import clean
from terraphim_runner.domain.errors import HostError, RunnerError, StateError, UsageError, WorkflowError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

INTERRUPTED = 130  # as a shell shows a death by SIGINT
BROKEN_PIPE = 141  # ... by SIGPIPE

# Typer has click inside, or uses the one that is installed; either way these are its faults of the command line.
_COMMAND_LINE_FAULT: type[Exception] = typer.BadParameter.__mro__[2]
_ASSIGNMENT = re.compile(r"=.*", re.DOTALL)

# What the system refuses for reasons that its owner can mend; adapters say it better where they expect it.
_REMEDIES = {
    errno.EACCES: "let this user use it, or set another directory",
    errno.EPERM: "let this user use it, or set another directory",
    errno.EROFS: "make it writable, or set another directory",
    errno.ENOSPC: "free some disk space and try again",
    errno.EDQUOT: "free some disk space and try again",
    errno.EMFILE: "raise the limit of open files: ulimit -n 4096",
    errno.ENFILE: "raise the machine's limit of open files: sysctl fs.file-max",
}


def exit_code_of(command: Callable[[], object], arguments: Sequence[str]) -> int:
    """Carry out a command; say what went wrong, if anything, on standard error."""
    try:
        code = command()
        sys.stdout.flush()
    except BrokenPipeError:
        _close_output()
        return BROKEN_PIPE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  # whatever it is, nobody gets a traceback
        code = report(error, arguments)
        _settle_output()
    return code if isinstance(code, int) else 0


def report(error: Exception, arguments: Sequence[str]) -> int:
    """Say what went wrong on standard error, and give the exit status for it."""
    if (cause := _cause(error)) is None:
        return INTERRUPTED
    if isinstance(cause, _COMMAND_LINE_FAULT):
        _say_command_line_fault(cause)
        return UsageError.exit_code
    if not isinstance(cause, RunnerError) or isinstance(cause, StateError):
        return _report_bug(error, cause, arguments)
    if isinstance(cause, WorkflowError) and cause.diagnostics:
        _show_diagnostics(cause)
        return cause.exit_code
    _say("error", str(cause))
    if cause.hint:
        _say("hint", cause.hint)
    return cause.exit_code


def _say_command_line_fault(fault: Exception) -> None:
    message: str = fault.format_message()  # type: ignore[attr-defined]
    if message.startswith("Usage:"):  # nothing was asked for: the help is the answer
        _print(message)
        return
    _say("error", message)
    _say("hint", _help_hint(fault))


def _cause(error: BaseException) -> BaseException | None:
    """Find the error that matters in what task groups made of it; None: it is all an interrupt."""
    leaves = [_as_trouble_of_the_host(leaf) for leaf in _leaves(error)]
    bugs = [leaf for leaf in leaves if not isinstance(leaf, (RunnerError, KeyboardInterrupt))]
    ours = [leaf for leaf in leaves if isinstance(leaf, RunnerError)]
    return next(iter([*bugs, *ours]), None)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _as_trouble_of_the_host(error: BaseException) -> BaseException:
    if not isinstance(error, OSError) or error.errno not in _REMEDIES:
        return error
    if error.filename is not None:
        message = f"cannot use {error.filename}: {error.strerror}"
    elif error.errno == errno.ENOSPC:
        message = f"cannot write the output: {error.strerror}"  # files have names
    else:
        return error
    return HostError(message, hint=_REMEDIES[error.errno])


def _show_diagnostics(error: WorkflowError) -> None:
    from terraphim_runner.cli.diagnostic_report import as_text  # noqa: PLC0415  # most commands never need it

    texts = dict(error.texts)
    names = {diagnostic.span.file for diagnostic in error.diagnostics}
    for name in names - texts.keys():
        with suppress(OSError, UnicodeDecodeError):
            texts[name] = Path(name).read_text(encoding="utf-8")
    has_colours = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    for line in as_text(error.diagnostics, texts, files=len(names), has_colours=has_colours):
        _print(line)


def _report_bug(error: BaseException, cause: BaseException, arguments: Sequence[str]) -> int:
    _say("error", f"this is a bug in terraphim-runner: {type(cause).__name__}: {cause}")
    try:
        path = _write_report(error, arguments)
    except OSError:
        _print("".join(traceback.format_exception(error)))
    else:
        _say("hint", f"please report it with the file {path}")
    return StateError.exit_code


def _write_report(error: BaseException, arguments: Sequence[str]) -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    directory = Path(base) / "terraphim-runner" / "bugs"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"
    facts = [
        f"python {platform.python_version()} on {platform.platform()}",
        # Values of variables may be secrets.
        f"arguments {[_ASSIGNMENT.sub('=…', argument) for argument in arguments]}",
        "",
        "".join(traceback.format_exception(error)),
    ]
    path.write_text("\n".join(facts), encoding="utf-8", errors="backslashreplace")
    return path


def _help_hint(fault: BaseException) -> str:
    context = getattr(fault, "ctx", None)
    return f"{context.command_path if context else 'terraphim-runner'} --help"


def _say(word: str, text: str) -> None:
    colour = {"error": "\x1b[1;31m", "hint": "\x1b[36m"}[word]
    is_coloured = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    label = f"{colour}{word}:\x1b[0m" if is_coloured else f"{word}:"
    lines = [clean(line, has_colours=False) for line in text.split("\n")]
    _print("\n".join([f"{label} {lines[0]}", *lines[1:]]))


def _print(text: str) -> None:
    with suppress(OSError):  # whoever closed standard error does not want to know
        print(text, file=sys.stderr)  # noqa: T201


def _settle_output() -> None:
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _close_output()


def _close_output() -> None:
    """Let the interpreter flush into nothing at its end, where it would complain otherwise."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
