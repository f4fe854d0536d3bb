"""What runs beside a block ends with it, and ends it where it fails."""

from __future__ import annotations

import anyio
import pytest

from terraphim_runner.domain.errors import FileTransferFailed, MachineLost
from terraphim_runner.executor.beside import running_beside

pytestmark = pytest.mark.anyio


async def _fail() -> None:
    raise MachineLost


async def test_a_block_with_nothing_beside_it_is_just_run() -> None:
    async with running_beside() as beside:
        assert not beside.has_begun


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_runs_beside_is_cancelled_when_the_block_ends(is_late: bool) -> None:
    ended = anyio.Event()

    async def watch() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()

    async with running_beside(*(() if is_late else (watch,))) as beside:
        if is_late:
            beside.start(watch)
        await anyio.wait_all_tasks_blocked()

    assert ended.is_set()


@pytest.mark.parametrize("is_late", [False, True])
async def test_what_fails_beside_ends_the_block_with_its_own_error(is_late: bool) -> None:
    async def run() -> None:
        async with running_beside(*(() if is_late else (_fail,))) as beside:
            if is_late:
                beside.start(_fail)
            await anyio.sleep_forever()

    with pytest.raises(MachineLost):
        await run()


async def test_of_several_that_fail_beside_at_once_the_one_that_says_why_comes_out() -> None:
    async def follow() -> None:
        raise FileTransferFailed

    with pytest.raises(MachineLost):
        async with running_beside(follow, _fail):
            await anyio.sleep_forever()


async def test_the_blocks_own_error_goes_first() -> None:
    with pytest.raises(LookupError):
        async with running_beside(_fail):
            raise LookupError
