"""Send traces to a collector, in the background."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.trace import Tracer

_NAME = "terraphim-runner"
_PATIENCE_S = 5


@contextmanager
def open_tracer(endpoint: str) -> Iterator[Tracer]:
    """Give a tracer whose spans go to `endpoint` by OTLP over HTTP; what is left is sent when the context ends.

    A collector that cannot be reached costs a message in the log and at most some seconds at the end, never a run.
    """
    resource = Resource({"service.name": _NAME, "service.version": version(_NAME)})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=_PATIENCE_S)))
    try:
        yield provider.get_tracer(_NAME)
    finally:
        provider.shutdown()
