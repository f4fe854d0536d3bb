"""Traces reach a collector, and never cost a run."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WORKFLOW = "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    steps:\n      - run: 'true'\n"


@contextmanager
def a_collector() -> Iterator[tuple[str, list[bytes]]]:
    """Give a collector's address, and what it was sent."""
    received: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
        server.shutdown()
        thread.join()


def test_a_run_is_sent_to_the_collector(start: Callable[..., subprocess.Popen[str]], repository: Path) -> None:
    """All its spans have arrived when the command ends."""
    (repository / ".github/workflows/ci.yml").write_text(WORKFLOW)
    with a_collector() as (endpoint, received):
        run = start("run", env={"TERRAPHIM_PROVIDER": "memory", "TERRAPHIM_TRACES_ENDPOINT": endpoint})
        run.communicate(timeout=60)

    assert run.returncode == 0
    names = {
        span.name
        for body in received
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    }
    assert {"job build", "allocate VM", "release VM", "Run true", "exec bash"} < names


def test_a_collector_that_is_not_there_costs_no_run(
    start: Callable[..., subprocess.Popen[str]], repository: Path
) -> None:
    """The verdict and the exit status are the run's."""
    (repository / ".github/workflows/ci.yml").write_text(WORKFLOW)
    nowhere = "http://127.0.0.1:9/v1/traces"
    run = start("run", env={"TERRAPHIM_PROVIDER": "memory", "TERRAPHIM_TRACES_ENDPOINT": nowhere})
    output, _ = run.communicate(timeout=60)

    assert (run.returncode, "success" in output) == (0, True)


def test_without_the_extra_the_setting_is_an_error_that_says_what_to_install(
    repository: Path, tmp_path: Path
) -> None:
    """Not a traceback, and not silence."""
    (repository / ".github/workflows/ci.yml").write_text(WORKFLOW)
    program = "import sys; sys.modules['opentelemetry'] = None; from terraphim_runner.cli.app import main; main()"
    env = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "TERRAPHIM_PROVIDER": "memory",
        "TERRAPHIM_TRACES_ENDPOINT": "http://127.0.0.1:9",
    }
    run = subprocess.run(
        [sys.executable, "-c", program, "run"],
        cwd=repository,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 64
    assert "pip install 'terraphim-runner[otel]'" in run.stderr
