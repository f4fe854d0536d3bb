"""Metrics over HTTP: one resource, read-only, for a scraper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from terraphim_runner.adapters.metrics.metrics import CONTENT_TYPE
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from anyio.abc import SocketStream, TaskStatus

    from terraphim_runner.adapters.metrics.metrics import Metrics

_PATIENCE_S = 10.0
_REQUEST_LIMIT = 16 * 1024
_SERVERS = 16


async def serve_metrics(
    metrics: Metrics, address: str, *, task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED
) -> None:
    """Answer `GET /metrics` at `HOST:PORT` until cancelled; reports the port.

    Raises:
        HostError: the address cannot be had.
    """
    host, _, port = address.rpartition(":")
    try:
        listener = await anyio.create_tcp_listener(local_host=host.strip("[]") or None, local_port=int(port))
    except OSError as error:
        raise HostError(f"cannot serve metrics at {address}: {error.strerror or error}") from error
    limiter = anyio.CapacityLimiter(_SERVERS)

    async def answer(stream: SocketStream) -> None:
        async with limiter, stream:
            with anyio.move_on_after(_PATIENCE_S):
                await _answer(stream, metrics)

    async with listener:
        task_status.started(listener.extra(anyio.abc.SocketAttribute.local_port))  # noqa: S610  # no SQL
        await listener.serve(answer)


async def _answer(stream: SocketStream, metrics: Metrics) -> None:
    try:
        request = b""
        while b"\r\n\r\n" not in request and len(request) < _REQUEST_LIMIT:
            request += await stream.receive()
        await stream.send(_response(request, metrics))
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass  # the scraper went away


def _response(request: bytes, metrics: Metrics) -> bytes:
    method, _, rest = request.partition(b" ")
    path = rest.partition(b" ")[0].partition(b"?")[0]
    if path != b"/metrics":
        status, body = "404 Not Found", b"see /metrics\n"
    elif method not in {b"GET", b"HEAD"}:
        status, body = "405 Method Not Allowed", b"GET\n"
    else:
        status, body = "200 OK", metrics.text()
    head = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {CONTENT_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    )
    return "\r\n".join([*head, "", ""]).encode() + (b"" if method == b"HEAD" else body)
