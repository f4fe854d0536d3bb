"""Put the engine together from the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from terraphim_runner.adapters.concurrency_directory import ConcurrencyDirectory
from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.adapters.memory.provider import MemoryProvider
from terraphim_runner.adapters.process.provider import ISOLATION_WARNING, ProcessProvider
from terraphim_runner.adapters.system_clock import SystemClock
from terraphim_runner.domain.budget import UNLIMITED, Budget
from terraphim_runner.session.manager import SessionLimits, SessionManager
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.model import ProviderName
from terraphim_runner.wiring.link import link_settings
from terraphim_runner.wiring.qemu import make_qemu_provider
from terraphim_runner.wiring.tracing import tracing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from opentelemetry.trace import Tracer

    from terraphim_runner.adapters.metrics.metrics import Metrics
    from terraphim_runner.ports.clock import Clock
    from terraphim_runner.ports.concurrency_groups import ConcurrencyGroups
    from terraphim_runner.ports.ledger import Ledger
    from terraphim_runner.ports.vm import VmProvider
    from terraphim_runner.settings.model import Settings


@dataclass(frozen=True, slots=True)
class Engine:
    """What runs need, ready to use."""

    provider: VmProvider
    ledger: Ledger
    clock: Clock
    groups: ConcurrencyGroups
    metrics: Metrics | None = None
    tracer: Tracer | None = None


@asynccontextmanager
async def open_engine(
    settings: Settings,
    inform: Callable[[str], None] = lambda _: None,
    *,
    provider: VmProvider | None = None,
    metrics: Metrics | None = None,
) -> AsyncIterator[Engine]:
    """Start the provider, by default the settings', which tells by `inform` what takes long.

    Leaving releases all it still holds.

    Raises:
        HostError: this machine lacks something.
    """
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        tracer = stack.enter_context(tracing(settings))
        ledger = stack.enter_context(LedgerFile(settings.state_dir))
        entered = await stack.enter_async_context(provider or make_provider(settings, clock, inform))
        yield Engine(entered, ledger, clock, ConcurrencyDirectory(settings.state_dir, clock), metrics, tracer)


@asynccontextmanager
async def open_sessions(engine: Engine, settings: Settings) -> AsyncIterator[SessionManager]:
    """Start handing out sessions under the settings' limits."""
    limits = session_limits(settings, HostCapacity.measure())
    async with SessionManager(engine.provider, engine.ledger, engine.clock, limits) as manager:
        yield manager


def session_limits(settings: Settings, host: HostCapacity) -> SessionLimits:
    """Give what holds for sessions on a machine of this size."""
    return SessionLimits(
        max_concurrent_sessions=settings.max_concurrent_sessions,
        budget=budget(settings, host),
        when_full=settings.when_full,
        idle_timeout_s=settings.session_timeout_s,
        release_deadline_s=settings.release_timeout_s,
    )


def budget(settings: Settings, host: HostCapacity) -> Budget:
    """Give what this machine's VMs may be promised together; the pool's idle ones count too."""
    if settings.provider is not ProviderName.QEMU:
        return UNLIMITED  # there are no VMs
    return Budget.of_host(
        cpus=host.cpus,
        memory_mib=host.memory_mib,
        cpu_overcommit=settings.cpu_overcommit,
        memory_overcommit=settings.memory_overcommit,
    )


def make_provider(settings: Settings, clock: Clock, inform: Callable[[str], None]) -> VmProvider:
    """Make the provider that the settings name."""
    match settings.provider:
        case ProviderName.QEMU:
            return make_qemu_provider(settings, clock, inform)
        case ProviderName.PROCESS:
            return ProcessProvider(settings.state_dir / "slots" / "process", link_settings(settings))
        case ProviderName.MEMORY:
            return MemoryProvider(clock)
        case _:
            assert_never(settings.provider)


def isolation_warning(settings: Settings) -> str | None:
    """Say what the user should know of the provider before using it."""
    match settings.provider:
        case ProviderName.QEMU:
            return None
        case ProviderName.PROCESS:
            return ISOLATION_WARNING
        case ProviderName.MEMORY:
            return "The provider `memory` runs nothing at all: every step is said to succeed."
        case _:
            assert_never(settings.provider)
