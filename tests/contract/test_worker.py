"""A run that is handed to a worker is the run it would have been, in a VM of the worker's."""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
from dataclasses import replace
from pathlib import Path
from typing import IO, TYPE_CHECKING

import anyio
import pytest
from tests.contract.descriptor import descriptors_left
from tests.contract.worker_world import USAGE, WORKFLOW, World, a_world, to_line

from terraphim_runner.adapters.memory.clock import ManualClock, wait_quiet
from terraphim_runner.adapters.metrics.metrics import Metrics
from terraphim_runner.domain.conclusion import Conclusion
from terraphim_runner.domain.errors import HostError, WorkflowError
from terraphim_runner.domain.event import Notice, RunFinished, StepStarted, VmAllocated
from terraphim_runner.executor.cancellation import Cancellation
from terraphim_runner.executor.mask import Masker
from terraphim_runner.wiring.asked_run import LocalRun
from terraphim_runner.worker.client import ask_status, run_wherever
from terraphim_runner.worker.line_socket import connect
from terraphim_runner.worker.message import hello
from terraphim_runner.worker.metrics_server import serve_metrics
from terraphim_runner.worker.plain import to_plain

if TYPE_CHECKING:
    import subprocess
    from collections.abc import AsyncIterator, Callable

    from terraphim_runner.domain.event import RunEvent

pytestmark = pytest.mark.anyio


class Listener:
    """Shows events."""

    def __init__(self) -> None:
        self.events: list[RunEvent] = []
        self.on_step = anyio.Event()

    def emit(self, event: RunEvent) -> None:
        self.events.append(event)
        if isinstance(event, StepStarted):
            self.on_step.set()

    def of(self, kind: type) -> list[RunEvent]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def world(state_home: Path, repository: Path) -> AsyncIterator[World]:
    async with a_world(state_home, repository) as world:
        await ask_status(world.settings.state_dir, {"ask": "warm", "vm_type": None, "count": 1})
        yield world


async def test_a_run_is_handed_over_and_gets_a_warm_vm(world: World) -> None:
    """Its events are told here, the VM is the worker's."""
    listener = Listener()
    result = await run_wherever(world.run(), world.settings, listener, Cancellation(), Masker())

    (allocated,) = listener.of(VmAllocated)
    assert isinstance(allocated, VmAllocated)
    assert allocated.source == "warm"
    assert result.conclusion is Conclusion.SUCCESS
    assert listener.events[-1] == result
    assert world.counts() == (1, 1)


async def test_a_run_in_a_worker_tells_what_its_vm_used_and_what_was_refused(world: World) -> None:
    """As a run with a VM of its own does."""
    listener = Listener()
    result = await run_wherever(world.run(), world.settings, listener, Cancellation(), Masker())

    assert result.usage == USAGE
    told = [each.message for each in listener.of(Notice) if isinstance(each, Notice)]
    assert any("a.example:443 (2 times)" in message for message in told)


async def test_p8_the_workers_own_log_is_told_what_to_hide(world: World) -> None:
    """Before the run begins; in events the run's own masker hides it."""
    listener = Listener()
    run = replace(world.run("echo ${{ secrets.TOKEN }}"), secrets={"TOKEN": "sesame-open"})
    await run_wherever(run, world.settings, listener, Cancellation(), Masker())

    assert [value for each in world.hidden for value in each.values()] == ["sesame-open"]
    assert "sesame-open" not in repr(listener.events)


async def test_without_a_worker_a_run_gets_a_vm_of_its_own(state_home: Path, repository: Path) -> None:
    """And says nothing of it. What a worker left that was killed does not matter."""
    async with a_world(state_home, repository) as world:
        pass
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(world.settings.state_dir / "worker.socket"))
    listener = Listener()
    result = await run_wherever(world.run(), world.settings, listener, Cancellation(), Masker())

    assert result.conclusion is Conclusion.SUCCESS
    assert [str(e.message) for e in listener.of(Notice) if isinstance(e, Notice) and "worker" in e.message] == []


async def test_a_worker_with_other_settings_does_not_get_the_run(world: World) -> None:
    """The run would not be what was asked for; the notice says which setting it is."""
    listener = Listener()
    other = world.settings.model_copy(update={"boot_timeout_s": 7.0})
    result = await run_wherever(world.run(), other, listener, Cancellation(), Masker())

    assert result.conclusion is Conclusion.SUCCESS
    assert world.counts() == (1, 1)
    (told,) = [e.message for e in listener.of(Notice) if isinstance(e, Notice) and "worker" in e.message]
    assert "boot_timeout_s" in told
    assert [e.source for e in listener.of(VmAllocated) if isinstance(e, VmAllocated)] == ["restored"]


async def test_faults_of_a_workflow_arrive_with_their_places(world: World) -> None:
    """As if it had been read here."""
    broken = LocalRun(
        directory=world.repository, file="ci.yml", text="on: push\njobs: {a: {runs-on: x}}\n", event_name="push"
    )
    with pytest.raises(WorkflowError) as raised:
        await run_wherever(broken, world.settings, Listener(), Cancellation(), Masker())

    assert raised.value.diagnostics[0].span.start.line == 2


async def test_the_first_ctrl_c_stops_the_run_in_good_order(world: World) -> None:
    """It ends as cancelled, and its VM is released."""
    listener, cancellation = Listener(), Cancellation()
    results: list[RunFinished] = []

    async def run() -> None:
        results.append(
            await run_wherever(world.run("sleep 1000"), world.settings, listener, cancellation, Masker())
        )

    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await listener.on_step.wait()
            assert [each.state for each in world.worker.status().pool.places if each.holder] == ["held"]
            cancellation.request()

    assert results[0].conclusion is Conclusion.CANCELLED
    assert world.counts() == (1, 1)


async def test_who_hangs_up_stops_its_run_at_once(world: World) -> None:
    """A killed client leaves no run and no VM."""
    listener = Listener()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(
                run_wherever, world.run("sleep 1000"), world.settings, listener, Cancellation(), Masker()
            )
            await listener.on_step.wait()
            tasks.cancel_scope.cancel()
        await world.worker.drain()

    assert world.worker.status().runs == ()
    assert world.counts() == (1, 1)


async def test_a_client_that_does_not_read_holds_a_worker_up_for_a_few_seconds_only(
    state_home: Path, repository: Path
) -> None:
    """Such as one that was paused by Ctrl-Z. Until the worker ends, it may go on and gets everything."""
    clock, is_leaving, has_left = ManualClock(), anyio.Event(), anyio.Event()
    with socket.socket(socket.AF_UNIX) as client:

        async def work() -> None:
            async with a_world(state_home, repository, clock) as world:
                client.connect(str(world.settings.state_dir / "worker.socket"))
                client.sendall(to_line(ask="run", hello=hello(world.settings), run=to_plain(world.run("chatter"))))
                while world.counts() != (1, 1) or world.worker.status().runs:
                    await wait_quiet()
                is_leaving.set()
            has_left.set()

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(work)
                try:
                    await is_leaving.wait()
                    await clock.advance_s(4.9)
                    assert not has_left.is_set()
                    await clock.advance_s(0.2)
                    with anyio.fail_after(20):
                        await has_left.wait()
                finally:
                    client.close()


async def test_a_drained_pool_leaves_runs_to_themselves(world: World) -> None:
    """Until it is warmed again."""
    status = await ask_status(world.settings.state_dir, {"ask": "drain"})
    listener = Listener()
    await run_wherever(world.run(), world.settings, listener, Cancellation(), Masker())
    await ask_status(world.settings.state_dir, {"ask": "warm", "vm_type": None, "count": None})
    again = Listener()
    await run_wherever(world.run(), world.settings, again, Cancellation(), Masker())

    assert (status.pool.is_draining, status.pool.places) == (True, ())
    sources = [e.source for each in (listener, again) for e in each.of(VmAllocated) if isinstance(e, VmAllocated)]
    assert sources == ["restored", "warm"]


async def test_nonsense_ends_the_connection_and_nothing_else(world: World) -> None:
    """The next one is answered. What has the right version may be nonsense all the same."""
    ours = hello(world.settings)
    for nonsense in (
        b"\xff\n",
        b"[]\n",
        b'{"ask": "dance"}\n',
        b'{"ask": "run", "run": 3}\n',
        b'{"ask": ' + b"[" * 100_000 + b"\n",
        to_line(ask="run", hello={**ours, "settings": None}),
        to_line(ask="run", hello=ours, run="x"),
        to_line(ask="warm", vm_type=[1], count=1),
    ):
        line = connect(world.settings.state_dir)
        assert line is not None
        line.socket.sendall(nonsense)
        assert [each async for each in line.messages() if "refused" not in each] == []
        line.close()

    assert (await ask_status(world.settings.state_dir, {"ask": "status"})).runs == ()


async def test_a_connection_for_which_there_is_no_descriptor_waits(world: World) -> None:
    """And ends nobody's run."""
    with anyio.fail_after(30), socket.socket(socket.AF_UNIX) as client:
        with descriptors_left(0):
            client.connect(str(world.settings.state_dir / "worker.socket"))
            await wait_quiet()
        client.sendall(to_line(ask="status"))
        await anyio.wait_readable(client)
        assert "status" in json.loads(client.recv(65536))


async def test_nobody_there_is_an_error_that_says_what_mends_it(tmp_path: Path) -> None:
    """`pool status` without a worker."""
    with pytest.raises(HostError, match="no worker") as raised:
        await ask_status(tmp_path, {"ask": "status"})
    assert raised.value.hint == "terraphim-runner worker"


@pytest.mark.skipif(
    os.getuid() != 0 or not Path("/usr/bin/python3").exists(),
    reason="only root can be somebody else, with a Python that everybody may run",
)
async def test_a_stranger_is_turned_away(world: World, state_home: Path) -> None:
    """Even one who could open the socket: the kernel says who is there."""
    path = world.settings.state_dir / "worker.socket"
    for each in (state_home, path.parent, path):
        each.chmod(0o777)
    script = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(9))"
    found = await anyio.run_process(["/usr/bin/python3", "-I", "-c", script, str(path)], user=65534, check=False)
    trusted = await ask_status(world.settings.state_dir, {"ask": "status", "hello": hello(world.settings)})

    assert found.stdout == b"b''\n", found.stderr
    assert trusted.pid == os.getpid()


async def test_metrics_are_served_to_whoever_asks_for_them() -> None:
    """One resource; everything else is not there."""
    async with anyio.create_task_group() as tasks:
        port = await tasks.start(serve_metrics, Metrics(), "127.0.0.1:0")

        async def get(request: bytes) -> bytes:
            async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                await stream.send(request)
                return b"".join([data async for data in stream])

        assert b"vm_active_sessions 0.0" in await get(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await get(b"GET / HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 404 ")
        assert (await get(b"POST /metrics HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 405 ")
        tasks.cancel_scope.cancel()


def test_a_worker_is_alone_survives_kill_9_and_ends_on_sigterm(
    start: Callable[..., subprocess.Popen[str]], state_home: Path
) -> None:
    """The second is refused; the one after a kill finds nothing in its way."""
    env = {"TERRAPHIM_PROVIDER": "memory", "XDG_STATE_HOME": str(state_home)}

    def begin() -> subprocess.Popen[str]:
        process = start("worker", env=env)
        assert process.stderr is not None
        assert "is ready" in process.stderr.readline()
        return process

    killed = begin()
    second = start("worker", env=env)
    assert "a worker is there already" in second.communicate(timeout=60)[1]
    assert second.returncode == 69
    killed.kill()
    killed.communicate(timeout=60)
    worker = begin()
    status = start("pool", "status", env=env)
    assert f"worker {worker.pid}, provider memory" in status.communicate(timeout=60)[0]
    worker.send_signal(signal.SIGTERM)
    worker.communicate(timeout=60)
    assert worker.returncode == 0
    gone = start("pool", "status", "--output", "json", env=env)
    assert "there is no worker" in gone.communicate(timeout=60)[1]
    assert gone.returncode == 69


def test_a_worker_may_have_as_many_descriptors_as_it_is_allowed(
    start: Callable[..., subprocess.Popen[str]], state_home: Path
) -> None:
    """Each connection of a guest takes two; what most shells start programs with is used up by three VMs."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, before[1]))
    try:
        worker = start("worker", env={"TERRAPHIM_PROVIDER": "memory", "XDG_STATE_HOME": str(state_home)})
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    try:
        read_until(worker.stderr, "is ready")
        soft, hard = resource.prlimit(worker.pid, resource.RLIMIT_NOFILE)
    finally:
        worker.kill()
        worker.communicate(timeout=60)

    assert (soft, hard) == (min(before[1], 65536), before[1])


GROUPED = (
    "on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    concurrency: one\n    steps:\n      - run: {}\n"
)


def read_until(stream: IO[str] | None, word: str) -> None:
    assert stream is not None
    seen: list[str] = []
    for line in stream:
        seen.append(line)
        if word in line:
            return
    raise AssertionError(f"nobody said {word!r}: {seen}")


def test_a_second_sigterm_does_not_wait_for_the_runs(
    start: Callable[..., subprocess.Popen[str]], state_home: Path, repository: Path
) -> None:
    """The first lets them come to their end, however long that takes; the second gives their VMs back and ends."""
    for name, script in (("holds", "sleep 1000"), ("waits", "true")):
        (repository / f".github/workflows/{name}.yml").write_text(GROUPED.format(script))
    env = {"TERRAPHIM_PROVIDER": "memory", "XDG_STATE_HOME": str(state_home)}
    worker = start("worker", env=env)
    started = [worker]
    try:
        read_until(worker.stderr, "is ready")
        started.append(start("run", "holds.yml", "-o", "json", env=env | {"TERRAPHIM_PROVIDER": "process"}))
        read_until(started[-1].stdout, '"step_started"')
        waiting = start("run", "waits.yml", "-o", "json", env=env)
        started.append(waiting)
        read_until(waiting.stdout, '"concurrency_queued"')
        worker.send_signal(signal.SIGTERM)
        read_until(worker.stderr, "draining")
        status = start("pool", "status", "--output", "json", env=env).communicate(timeout=60)[0]
        worker.send_signal(signal.SIGTERM)
        errors = worker.communicate(timeout=60)[1]
        waiting.communicate(timeout=60)
    finally:
        for process in started:
            process.kill()
            process.communicate(timeout=60)

    assert [Path(run["file"]).name for run in json.loads(status)["runs"]] == ["waits.yml"]
    assert (worker.returncode, "stopping at once" in errors) == (0, True)
    assert waiting.returncode != 0
    ledger = (state_home / "terraphim-runner/ledger.jsonl").read_text().splitlines()
    told = [entry["event"] for entry in map(json.loads, ledger) if entry["provider"] == "memory"]
    assert told == ["requested", "allocated", "released"]


def test_the_metrics_of_one_run_are_written_to_a_file(
    start: Callable[..., subprocess.Popen[str]], repository: Path, tmp_path: Path
) -> None:
    """Whoever cannot write there is told before anything runs."""
    (repository / ".github/workflows/ci.yml").write_text(WORKFLOW.format("true"))
    file = tmp_path / "run.prom"
    good = start("run", "--metrics-file", str(file), env={"TERRAPHIM_PROVIDER": "memory"})
    good.communicate(timeout=60)
    bad = start("run", "--metrics-file", str(tmp_path / "no" / "run.prom"), env={"TERRAPHIM_PROVIDER": "memory"})
    output, errors = bad.communicate(timeout=60)

    assert good.returncode == 0
    assert 'vm_allocation_total{outcome="success",vm_type="default"} 1.0' in file.read_text()
    assert (bad.returncode, output) == (64, "")
    assert "cannot write the metrics file" in errors
