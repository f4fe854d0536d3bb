"""Where a conversation with an agent stands, so that somebody else can go on with it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Agent:
    """What the agent said of itself."""

    version: str
    wire_version: int
    pid: int
    boot_id: str
    python: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation at rest: nothing is asked that is not answered.

    A clone's agent is its template's, frozen; whoever has this need not greet it, which would cost the clone
    a tenth of its first command.
    """

    agent: Agent
    sent: int  # frames the host has sent since its Hello
    expected: int  # the number of the agent's next frame
    last_channel: int

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self:
        """Read what `as_data` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        return cls(Agent(**data["agent"]), data["sent"], data["expected"], data["last_channel"])

    def as_data(self) -> dict[str, Any]:
        """Give it as JSON takes it."""
        return asdict(self)
