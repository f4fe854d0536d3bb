"""The contract of `ports/concurrency_groups.py`, kept by all that implement it."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import anyio
import anyio.abc
import pytest

from terraphim_runner.adapters import concurrency_directory
from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.memory.concurrency_groups import MemoryConcurrencyGroups
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.concurrency import Member, Newcomer, Standing
from terraphim_runner.domain.errors import HostError

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.ports.concurrency_groups import ConcurrencyGroups, Place

pytestmark = pytest.mark.anyio

_INTERVAL_S = 0.01
_A, _B, _C = (Newcomer(name, f"run {name}") for name in "abc")


@pytest.fixture(params=["memory", "directory"])
def groups(request: pytest.FixtureRequest, tmp_path: Path) -> ConcurrencyGroups:
    """Groups that nobody is in."""
    if request.param == "memory":
        return MemoryConcurrencyGroups()
    return ConcurrencyDirectory(tmp_path, SystemClock(), interval_s=_INTERVAL_S)


async def _until(place: Place, standing: Standing) -> Member:
    with anyio.fail_after(20):
        while place.look()[0].standing is not standing:
            await place.wait_changed()
    return place.look()[0]


async def test_one_runs_and_the_next_when_that_has_left(groups: ConcurrencyGroups) -> None:
    """Whoever waits is told who holds the group."""
    async with groups.join("g", _B) as second:
        async with groups.join("other", _A):
            pass
        assert second.look()[0].standing is Standing.RUNNING

    async with groups.join("g", _C) as third, anyio.create_task_group() as tasks:
        async with groups.join("g", _A) as first:
            member, holder = first.look()
            assert (member.standing, holder and holder.label) == (Standing.WAITING, "run c")
            tasks.cancel_scope.cancel()
        assert third.look()[0].standing is Standing.RUNNING


async def test_a_place_that_becomes_free_is_noticed(groups: ConcurrencyGroups) -> None:
    """The one that waits runs as soon as the other has left."""
    entered, leaving = anyio.Event(), anyio.Event()

    async def hold() -> None:
        async with groups.join("g", _A):
            entered.set()
            await leaving.wait()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(hold)
        await entered.wait()
        async with groups.join("g", _B) as second:
            assert second.look()[0].standing is Standing.WAITING
            leaving.set()
            await _until(second, Standing.RUNNING)


async def test_groups_of_different_names_know_nothing_of_each_other(groups: ConcurrencyGroups) -> None:
    """Capitals make no difference, everything else does."""
    async with groups.join("prod", _A), groups.join("prod ", _B) as other, groups.join("PROD", _C) as same:
        assert other.look()[0].standing is Standing.RUNNING
        assert same.look()[0].standing is Standing.WAITING


async def test_a_newcomer_replaces_the_one_that_waits(groups: ConcurrencyGroups) -> None:
    """It is told by whom."""
    async with groups.join("g", _A), groups.join("g", _B) as second, groups.join("g", _C):
        assert await _until(second, Standing.REPLACED) == Member("b", "run b", Standing.REPLACED, "run c")


async def test_a_newcomer_may_have_the_one_that_runs_end(groups: ConcurrencyGroups) -> None:
    """It waits until that has left."""
    cancelling = Newcomer("b", "run b", cancel_in_progress=True)
    async with groups.join("g", cancelling) as alone:
        assert alone.look()[0].standing is Standing.RUNNING
    async with groups.join("g", _A) as first, groups.join("g", cancelling) as second:
        assert (await _until(first, Standing.REVOKED)).by == "run b"
        assert second.look()[0].standing is Standing.WAITING


async def test_those_that_queue_run_in_the_order_in_which_they_came(groups: ConcurrencyGroups) -> None:
    """Nobody is replaced."""
    order: list[str] = []

    async def run(newcomer: Newcomer, joined: anyio.Event) -> None:
        async with groups.join("g", newcomer) as place:
            joined.set()
            await _until(place, Standing.RUNNING)
            order.append(newcomer.id)

    async with anyio.create_task_group() as tasks, groups.join("g", _A):
        for name in "bcd":
            joined = anyio.Event()
            tasks.start_soon(run, Newcomer(name, name, queues=True), joined)
            await joined.wait()
    assert order == ["b", "c", "d"]


async def test_who_is_cancelled_while_waiting_has_left(groups: ConcurrencyGroups) -> None:
    """The next one does not wait for it."""
    async with groups.join("g", _A) as first:
        with anyio.CancelScope() as scope:
            async with groups.join("g", Newcomer("b", "run b", queues=True)):
                scope.cancel()
                await anyio.sleep_forever()
        async with groups.join("g", Newcomer("c", "run c", queues=True)) as third:
            assert third.look() == (Member("c", "run c", Standing.WAITING), first.look()[0])


_HOLDER = """
import sys, pathlib, anyio
from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.concurrency import Newcomer

async def main():
    groups = ConcurrencyDirectory(pathlib.Path(sys.argv[1]), SystemClock())
    async with groups.join("g", Newcomer("other", "run other")):
        print("in", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


async def test_a_holder_that_is_killed_has_left(tmp_path: Path) -> None:
    """Among processes, `kill -9` included; what it left on the disk goes with the next member."""
    groups = ConcurrencyDirectory(tmp_path, SystemClock(), interval_s=_INTERVAL_S)
    async with await anyio.open_process([sys.executable, "-c", _HOLDER, str(tmp_path)], stderr=None) as process:
        assert process.stdout is not None
        assert (await process.stdout.receive()).startswith(b"in")
        async with groups.join("g", _A) as place:
            member, holder = place.look()
            assert (member.standing, holder and holder.label) == (Standing.WAITING, "run other")
            os.kill(process.pid, signal.SIGKILL)
            await _until(place, Standing.RUNNING)
    async with groups.join("g", _B):
        pass
    assert [path.name for path in (tmp_path / "groups").iterdir()] == ["lock"]


async def test_a_directory_that_cannot_be_written_is_this_machines_fault(tmp_path: Path) -> None:
    """The message names it."""
    (tmp_path / "groups").write_text("in the way")
    with pytest.raises(HostError, match="groups"):
        async with ConcurrencyDirectory(tmp_path, SystemClock()).join("g", _A):
            pass


async def test_who_leaves_while_others_look_for_the_dead_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It removes its own file just when another process has found that nobody holds it."""

    def leave(path: Path) -> bool:
        path.unlink(missing_ok=True)
        return False

    groups = ConcurrencyDirectory(tmp_path, SystemClock(), interval_s=_INTERVAL_S)
    (tmp_path / "groups").mkdir()
    (tmp_path / "groups/other.life").touch()
    monkeypatch.setattr(concurrency_directory, "_is_alive", leave)
    async with groups.join("g", _A):
        pass
