"""Where the engine's own log goes: to standard error, for it is nobody's output."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from terraphim_runner.executor.mask import Masker
    from terraphim_runner.settings.model import LogLevel


def configure_log(level: LogLevel, masker: Masker) -> None:
    """Log what is as bad as `level` or worse, without secrets."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.value.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S.%f", utc=False),
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
            lambda _logger, _method, line: masker.mask(str(line)),
        ],
    )
