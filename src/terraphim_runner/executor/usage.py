"""What is said of a run's usage when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.usage import VmUsage
    from terraphim_runner.domain.vm_type import VmType

_MOST_NAMED = 10
_WORTH_SAYING_S = 1.0


def throttled_message(usage: VmUsage | None, vm_type: VmType) -> str | None:
    """Say for how long a quota that somebody set kept the VM from the processors; nothing if it hardly did."""
    limit = vm_type.quota.cpu_limit
    if usage is None or limit is None or usage.cpu_throttled_s < _WORTH_SAYING_S:
        return None
    return (
        f"CPU throttled: for {usage.cpu_throttled_s:.0f} s the VM was kept from the processors"
        f" by cpu_limit = {limit:g} of VM type {vm_type.name}"
    )


def blocked_message(usage: VmUsage | None) -> str | None:
    """Say what the network policy refused, the most frequent first; nothing if it was nothing."""
    if usage is None or usage.network is None or not usage.network.blocked:
        return None
    blocked = sorted(usage.network.blocked, key=lambda each: -each.count)
    named = ", ".join(map(str, blocked[:_MOST_NAMED]))
    more = f" and {len(blocked) - _MOST_NAMED} more" if len(blocked) > _MOST_NAMED else ""
    return f"blocked by network policy: {named}{more}; see {usage.network.log}"
