"""What is said of a run's usage when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.domain.usage import VmUsage

_MOST_NAMED = 10


def blocked_message(usage: VmUsage | None) -> str | None:
    """Say what the network policy refused, the most frequent first; nothing if it was nothing."""
    if usage is None or usage.network is None or not usage.network.blocked:
        return None
    blocked = sorted(usage.network.blocked, key=lambda each: -each.count)
    named = ", ".join(map(str, blocked[:_MOST_NAMED]))
    more = f" and {len(blocked) - _MOST_NAMED} more" if len(blocked) > _MOST_NAMED else ""
    return f"blocked by network policy: {named}{more}; see {usage.network.log}"
