"""Traces, where the settings ask for them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer

    from terraphim_runner.settings.model import Settings


@contextmanager
def tracing(settings: Settings) -> Iterator[Tracer | None]:
    """Give a tracer; none where no endpoint is set.

    Raises:
        UsageError: the extra `otel` is not installed.
    """
    if not settings.traces_endpoint:
        yield None
        return
    try:
        from terraphim_runner.adapters.tracing.exporter import open_tracer  # noqa: PLC0415  # an extra
    except ImportError as error:
        raise UsageError(
            f"traces_endpoint needs OpenTelemetry: {error}", hint="pip install 'terraphim-runner[otel]'"
        ) from error
    with open_tracer(settings.traces_endpoint) as tracer:
        yield tracer
