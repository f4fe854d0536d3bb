"""Every error this package raises on purpose.

    RunnerError                 exit 1
      WorkflowError             exit 2    the author's: file, line, column, hint; never retried
      ExpressionError           exit 2    the author's: kind, and where within the expression's text
      UsageError                exit 64   the operator's: bad flag, setting or argument
      HostError                 exit 69   this machine lacks something; says what mends it
        ImageMissing            exit 69
        HostDiskFull            exit 69
      InfraError                exit 69   ours or the host's: retried on a fresh VM
        MachineLost             exit 69
        BootTimeout             exit 69
        RestoreFailed           exit 69
        GuestError              exit 69   the VM broke the protocol: distrust and destroy it
      CommandNotStarted         exit 1    no such program, directory or user in the guest
      FileTransferFailed        exit 1    the guest could not read or write a file
      SessionRefused            exit 75   the session limit is reached and the setting says refuse
      SessionExpired            exit 75   the session waited or idled longer than its timeout
      StateError                exit 70   our bug: called in the wrong state

A failing step is a value (`Conclusion`), not one of these. The first line of a class's docstring is its
default message.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.domain.diagnostic import Diagnostic


class RunnerError(Exception):
    """The runner could not do what was asked."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """Take `message`, or the class's own; `hint` says what the reader can do about it."""
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        self.hint = hint


class WorkflowError(RunnerError):
    """The workflow file has errors."""

    exit_code = 2

    def __init__(self, diagnostics: Sequence[Diagnostic], *, texts: Mapping[str, str] | None = None) -> None:
        """Take every fault found, not only the first; `texts` are the files' by name, where they are at hand."""
        super().__init__("\n".join(str(diagnostic) for diagnostic in diagnostics) or None)
        self.diagnostics = tuple(diagnostics)
        self.texts = dict(texts or {})


class ExpressionErrorKind(Enum):
    """Which part of the expression engine gave up."""

    LEXING = "lexing"  # a piece of the text is no token
    PARSING = "parsing"  # the tokens are no expression, or name what does not exist
    EVALUATION = "evaluation"  # the expression is sound, its values are not


class ExpressionError(RunnerError):
    """The expression cannot be read or evaluated."""

    exit_code = 2

    def __init__(
        self, kind: ExpressionErrorKind, message: str, *, start: int = 0, end: int = 0, hint: str | None = None
    ) -> None:
        """Take the stretch at fault, from `start` up to `end`, as offsets into the text that was parsed."""
        super().__init__(message, hint=hint)
        self.kind = kind
        self.start = start
        self.end = end


class UsageError(RunnerError):
    """The command line or the settings are wrong."""

    exit_code = 64


class HostError(RunnerError):
    """This machine lacks something the runner needs."""

    exit_code = 69


class ImageMissing(HostError):
    """The image has not been built on this machine."""


class HostDiskFull(HostError):
    """There is no space left on this machine's disk."""


class InfraError(RunnerError):
    """The machinery failed, not the workflow."""

    exit_code = 69


class MachineLost(InfraError):
    """The virtual machine is gone."""


class BootTimeout(InfraError):
    """The virtual machine did not become ready in time."""


class RestoreFailed(InfraError):
    """A clone of the template could not be restored."""


class GuestError(InfraError):
    """The guest broke the protocol."""


class CommandNotStarted(RunnerError):
    """The command could not be started in the guest."""


class FileTransferFailed(RunnerError):
    """A file could not be moved into or out of the guest."""


class SessionRefused(RunnerError):
    """No session is free, and the settings say to refuse instead of to wait."""

    exit_code = 75


class SessionExpired(RunnerError):
    """The session was idle for longer than its timeout."""

    exit_code = 75


class StateError(RunnerError):
    """Called in the wrong state; this is a bug in terraphim-runner."""

    exit_code = 70
