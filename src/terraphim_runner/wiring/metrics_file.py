"""The metrics of one run, in a file."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from terraphim_runner.adapters.metrics.metrics import Metrics


@contextmanager
def measuring(path: Path | None) -> Iterator[Metrics | None]:
    """Give metrics to count in, and write them when the context ends, however it does; none without a file.

    Raises:
        UsageError: the file cannot be written; told before anything is run.
    """
    if path is None:
        yield None
        return
    from terraphim_runner.adapters.metrics.metrics import Metrics  # noqa: PLC0415  # most runs need none

    metrics = Metrics()
    try:
        metrics.write(path)
    except OSError as error:
        raise UsageError(f"cannot write the metrics file {path}: {error.strerror}") from error
    try:
        yield metrics
    finally:
        metrics.write(path)
