"""Prove the allocation claims on a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.verification.laboratory import Laboratory
from terraphim_runner.verification.scenario import SCENARIOS
from terraphim_runner.wiring.engine import open_engine

if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.settings.model import Settings
    from terraphim_runner.verification.evidence import ScenarioResult, Verdict


async def verify(settings: Settings, on_result: Callable[[ScenarioResult], None]) -> Verdict:
    """Carry out the five scenarios on the settings' provider.

    Raises:
        HostError: this machine lacks something.
    """
    async with open_engine(settings) as engine:
        laboratory = Laboratory(
            engine.provider, engine.ledger, engine.clock, engine.groups, settings.vm_type("default")
        )
        return await laboratory.verify(SCENARIOS, on_result)
