"""The planner's decisions, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.domain.budget import Budget
from terraphim_runner.domain.errors import HostError, SessionRefused, StateError, UsageError
from terraphim_runner.domain.ident import VmId
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.pool.limits import PoolLimits, Reuse, Strategy
from terraphim_runner.pool.place import PlaceState
from terraphim_runner.pool.plan import Destroy, Prepare, Restore, Wake, next_due_s
from terraphim_runner.pool.plan import plan as decide
from terraphim_runner.pool.state import PoolState

if TYPE_CHECKING:
    from typing import Any

    from terraphim_runner.pool.place import Place

A = VmType("a", "image", cpus=1, memory_mib=100, disk_mib=1)
B = VmType("b", "image", cpus=2, memory_mib=300, disk_mib=1)


def state(**limits: Any) -> PoolState:
    defaults: dict[str, Any] = {"budget": Budget(10, 1000), "max_total": 5, "max_starting": 5}
    return PoolState(PoolLimits(**defaults | limits))


def plan(pool: PoolState, now_s: float) -> list[Any]:
    """Plan; which kind of action each is, is for the tests to say."""
    return list(decide(pool, now_s))


def idle(pool: PoolState, slot: int, *, at_s: float, vm_type: VmType = A) -> Place:
    place = pool.start(vm_type, PlaceState.PREPARING, None, at_s)
    pool.started(place, VmId(slot, 1), at_s)
    return place


def kinds(actions: list[Any]) -> list[type]:
    return [type(action) for action in actions]


def test_an_idle_vm_is_promised_once() -> None:
    """Two requests, one idle VM: the second gets one of its own."""
    pool = state()
    place = idle(pool, 1, at_s=0)
    first = pool.ask(A, "run-1", 1)
    pool.ask(A, "run-2", 1)

    actions = plan(pool, 1)

    assert actions[0] == Wake(place, first)
    assert kinds(actions) == [Wake, Restore]
    assert plan(pool, 1) == []


def test_a_request_that_waits_for_a_vm_on_its_way_starts_no_other() -> None:
    """No stampede: what is being prepared counts."""
    pool = state(min_idle={A: 2})
    assert kinds(plan(pool, 0)) == [Prepare, Prepare]
    pool.ask(A, "run-1", 0)
    pool.ask(A, "run-2", 0)

    assert kinds(plan(pool, 0)) == [Prepare, Prepare]  # the two idle ones that will be missing then
    assert plan(pool, 0) == []


def test_a_burst_starts_as_many_restores_as_are_allowed_at_once() -> None:
    """The others wait for their turn, in order."""
    pool = state(max_starting=2)
    tickets = [pool.ask(A, f"run-{n}", 0) for n in range(4)]
    restores = plan(pool, 0)
    assert kinds(restores) == [Restore, Restore]

    served = pool.started(restores[1].place, VmId(1, 1), 1)  # the second is faster

    assert served == tickets[0]
    assert kinds(plan(pool, 1)) == [Restore]


def test_the_idle_minimum_counts_idle_vms_only() -> None:
    """The bug of others: a busy VM is not an idle one."""
    pool = state(min_idle={A: 1})
    idle(pool, 1, at_s=0)
    pool.ask(A, "run-1", 0)

    assert kinds(plan(pool, 0)) == [Wake, Prepare]


def test_memory_is_never_oversubscribed() -> None:
    """Nine of a hundred do not fit into eight hundred."""
    pool = state(budget=Budget(100, 800), max_total=100, max_starting=100, min_idle={A: 9})

    assert kinds(plan(pool, 0)) == [Prepare] * 8


def test_a_paused_vm_uses_no_processor_but_waits_for_one() -> None:
    """With both processors taken, the idle VM is not woken."""
    pool = state(budget=Budget(2, 1000))
    pool.ask(B, "big", 0)
    restore = plan(pool, 0)[0]
    pool.started(restore.place, VmId(1, 1), 0)
    idle(pool, 2, at_s=0)
    pool.ask(A, "small", 1)

    assert plan(pool, 1) == []
    pool.release(restore.place, 2)
    pool.ended(restore.place, 2)
    assert kinds(plan(pool, 2)) == [Wake]


def test_idle_vms_of_other_types_make_room_for_a_request() -> None:
    """The oldest goes first, and only as many as it takes; nobody else gets the room."""
    pool = state(max_total=2, min_idle={A: 2})
    old, young = idle(pool, 1, at_s=0), idle(pool, 2, at_s=1)
    ticket = pool.ask(B, "run-1", 2)

    assert plan(pool, 2) == [Destroy(old)]
    assert young.state is PlaceState.IDLE
    pool.ended(old, 3)
    actions = plan(pool, 3)
    assert kinds(actions) == [Restore]
    assert actions[0].place.ticket == ticket.number


def test_a_later_request_does_not_overtake_one_that_waits_for_room() -> None:
    """The large one would starve if small ones took what becomes free."""
    pool = state(budget=Budget(10, 300))
    pool.ask(A, "run-1", 0)
    held = plan(pool, 0)[0].place
    pool.started(held, VmId(1, 1), 0)
    pool.ask(B, "large", 1)
    pool.ask(A, "small", 1)

    assert plan(pool, 1) == []
    pool.release(held, 2)
    pool.ended(held, 2)
    assert [action.place.vm_type for action in plan(pool, 2)] == [B]


def test_what_can_never_fit_is_refused_at_once() -> None:
    """Waiting would be for ever."""
    with pytest.raises(HostError, match="budget"):
        state(budget=Budget(1, 1000)).ask(B, "run-1", 0)


def test_restores_ahead_of_time_back_off_and_requests_do_not() -> None:
    """A broken template costs each request one attempt, and the host no storm."""
    pool = state(min_idle={A: 1}, first_backoff_s=1.0, longest_backoff_s=4.0)
    waits = []
    now_s = 0.0
    for _ in range(4):
        (action,) = plan(pool, now_s)
        pool.failed(action.place, now_s)
        assert plan(pool, now_s) == []
        due_s = next_due_s(pool, now_s)
        assert due_s is not None
        waits.append(due_s - now_s)
        now_s = due_s
    assert waits == [1.0, 2.0, 4.0, 4.0]

    pool.failed(plan(pool, now_s)[0].place, now_s)
    pool.ask(A, "run-1", now_s)
    (restore,) = plan(pool, now_s)
    assert kinds([restore]) == [Restore]
    assert pool.failed(restore.place, now_s) is not None


def test_a_vm_that_is_too_old_is_destroyed_and_not_handed_out() -> None:
    """Not even to a request that comes in the same moment."""
    pool = state(max_age_s=10.0)
    old = idle(pool, 1, at_s=0)
    assert next_due_s(pool, 0) == 10.0
    pool.ask(A, "run-1", 10)

    assert kinds(plan(pool, 10)) == [Restore, Destroy]
    assert old.state is PlaceState.ENDING


def test_what_is_missing_is_prepared_after_the_delay() -> None:
    """The first command of the run that was just served goes first."""
    pool = state(min_idle={A: 1}, refill_delay_s=0.5)
    assert plan(pool, 0) == []
    assert next_due_s(pool, 0) == 0.5
    assert kinds(plan(pool, 0.5)) == [Prepare]


@pytest.mark.parametrize(
    ("strategy", "order"),
    [(Strategy.LRU, [5, 1, 3]), (Strategy.MRU, [3, 1, 5]), (Strategy.ROUND_ROBIN, [1, 3, 5])],
)
def test_the_strategy_decides_which_idle_vm_is_handed_out(strategy: Strategy, order: list[int]) -> None:
    """Slots 5, 1 and 3 came in this order."""
    pool = state(strategy=strategy)
    for at_s, slot in enumerate((5, 1, 3)):
        idle(pool, slot, at_s=at_s)
    for number in range(3):
        pool.ask(A, f"run-{number}", 9)

    assert [action.place.vm_id.slot for action in plan(pool, 9)] == order


def test_round_robin_goes_on_where_it_was() -> None:
    """After slot 3 comes 4, though 1 has waited longer; after the last the first."""
    pool = state(strategy=Strategy.ROUND_ROBIN)
    pool.last_slot = 3
    for slot in (1, 4):
        idle(pool, slot, at_s=0)
    for number in range(2):
        pool.ask(A, f"run-{number}", 1)

    assert [action.place.vm_id.slot for action in plan(pool, 1)] == [4, 1]


@pytest.mark.parametrize(("reuse", "prefer", "avoid"), [(Reuse.RESET, 7, set()), (Reuse.NEVER, None, {7})])
def test_the_slot_of_a_released_vm_is_filled_again_or_never(
    reuse: Reuse, prefer: int | None, avoid: set[int]
) -> None:
    """`reset` asks for the same slot, `never` for any other."""
    pool = state(reuse=reuse, min_idle={A: 1})
    place = idle(pool, 7, at_s=0)
    pool.ask(A, "run-1", 1)
    pool.min_idle = {}
    plan(pool, 1)
    pool.woken(place, 1)
    pool.release(place, 2)
    pool.ended(place, 2)
    pool.ask(A, "run-2", 2)
    (restore,) = plan(pool, 2)

    assert (restore.wish.prefer, set(restore.wish.avoid)) == (prefer, avoid)


def test_draining_destroys_what_is_idle_and_refuses_who_waits() -> None:
    """Warming opens it again."""
    pool = state(max_total=2, min_idle={A: 1})
    idle(pool, 1, at_s=0)
    waiting = pool.ask(B, "run-1", 0)
    (restore,) = plan(pool, 0)
    assert pool.drain() == [waiting]
    assert kinds(plan(pool, 1)) == [Destroy]
    assert pool.started(restore.place, VmId(2, 1), 1) is None
    assert plan(pool, 1) == [Destroy(restore.place)]
    with pytest.raises(SessionRefused, match="drained"):
        pool.ask(A, "run-2", 1)

    pool.warm(A, 1)
    pool.ask(A, "run-3", 2)


def test_warming_says_how_many_are_to_be_idle_be_it_more_or_fewer() -> None:
    """Of one type; the others' numbers stay."""
    pool = state(min_idle={A: 2, B: 1})
    for count in (3, 1):
        pool.warm(A, count)
        assert pool.min_idle == {A: count, B: 1}


@pytest.mark.parametrize(
    ("vm_type", "count", "limits", "message"),
    [
        (A, 5, {"min_idle": {B: 1}}, "6 VMs of at most 5"),
        (B, 3, {"budget": Budget(10, 899)}, "900 MiB of memory of 899"),
        (B, 1, {"budget": Budget(1, 1000)}, "2 CPUs of 1"),
    ],
)
def test_more_idle_vms_than_there_can_ever_be_are_refused(
    vm_type: VmType, count: int, limits: dict[str, Any], message: str
) -> None:
    """Whoever waited for them would wait for ever. What is drained stays so."""
    pool = state(**limits)
    pool.drain()
    with pytest.raises(UsageError, match=message):
        pool.warm(vm_type, count)

    assert pool.is_draining
    assert vm_type not in pool.min_idle


def test_a_pool_whose_settings_ask_for_too_much_can_be_opened_again() -> None:
    """It has what there is room for, as before it was drained."""
    pool = state(min_idle={A: 9})
    pool.drain()
    pool.warm(A, 9)

    assert not pool.is_draining


def test_a_request_whose_vm_did_not_wake_is_first_again() -> None:
    """It keeps its place in the queue."""
    pool = state(max_starting=0)
    place = idle(pool, 1, at_s=0)
    first = pool.ask(A, "run-1", 0)
    second = pool.ask(A, "run-2", 0)
    plan(pool, 0)

    assert pool.not_woken(place, first, 1)

    assert list(pool.waiting.values()) == [first, second]
    assert kinds(plan(pool, 1)) == [Destroy]


def test_a_withdrawn_request_gives_its_vm_back() -> None:
    """Even if it was promised or handed out already."""
    pool = state()
    place = idle(pool, 1, at_s=0)
    ticket = pool.ask(A, "run-1", 0)
    plan(pool, 0)
    pool.withdraw(ticket.number, 1)

    assert not pool.woken(place, 1)
    assert plan(pool, 1) == [Destroy(place)]


def test_a_vm_that_could_not_be_destroyed_still_counts_and_is_tried_again() -> None:
    """Nothing is forgotten."""
    pool = state(longest_backoff_s=60.0)
    place = idle(pool, 1, at_s=0)
    pool.drain()
    assert plan(pool, 0) == [Destroy(place)]
    pool.not_ended(place, 1)

    assert plan(pool, 1) == []
    assert len(pool.places) == 1
    assert next_due_s(pool, 1) == 61.0
    assert plan(pool, 61) == [Destroy(place)]


def test_an_illegal_transition_changes_nothing() -> None:
    """The table is the law."""
    pool = state()
    place = idle(pool, 1, at_s=0)
    with pytest.raises(StateError, match="idle cannot become held"):
        place.change(PlaceState.HELD, 1)

    assert place.state is PlaceState.IDLE
