"""The one that is asked before anything leaves: policy, the names the guest was told, this machine's addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING

from terraphim_runner.domain.network import HOST, Destination, Exceptions, NetworkMode, NetworkPolicy
from terraphim_runner.egress.journal import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from terraphim_runner.domain.network import Verdict
    from terraphim_runner.egress.journal import Journal

_ADDRESSES = Path("/proc/net/fib_trie")
_OWN = re.compile(r"\|-- (\S+)\n +/32 host LOCAL")
_HOST_NAMES = {HOST: "host"}  # what rules call it
_MOST_ADDRESSES = 10_000
_MOST_NAMES = 64  # of one address; a guest can ask for any number of them


def own_addresses() -> frozenset[IPv4Address]:
    """List this machine's addresses."""
    return parse_own_addresses(_ADDRESSES.read_text(encoding="ascii"))


def parse_own_addresses(fib_trie: str) -> frozenset[IPv4Address]:
    """Read what the kernel tells of its routes."""
    return frozenset(IPv4Address(text) for text in _OWN.findall(fib_trie))


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that wants out, as it was judged."""

    kind: str  # tcp | udp
    destination: Destination
    verdict: Verdict
    told_name: str | None = None

    @property
    def entry(self) -> Entry:
        """Its line of the journal, before it is known how much it carried."""
        names = sorted(self.destination.names)
        return Entry(
            self.kind,
            "allowed" if self.verdict.is_allowed else "blocked",
            self.told_name or (names[0] if names else _HOST_NAMES.get(self.destination.address)),
            str(self.destination.address),
            self.destination.port,
            reason=self.verdict.reason,
        )


class Guard:
    """Judges for one VM."""

    def __init__(
        self,
        policy: NetworkPolicy,
        journal: Journal,
        *,
        own: Callable[[], frozenset[IPv4Address]] = own_addresses,
        exceptions: Callable[[], Exceptions] = Exceptions,
    ) -> None:
        """Judge by `policy`; `own` lists this machine's addresses, `exceptions` are for an open network."""
        self._exceptions = exceptions
        self.policy = policy
        self.journal = journal
        self._own = own
        self._names: dict[IPv4Address, frozenset[str]] = {}

    def learn(self, name: str, addresses: Iterable[IPv4Address]) -> None:
        """Remember for the VM's life that the guest was told these addresses for `name`."""
        for address in addresses:
            names = self._names.get(address, frozenset())
            has_room = address in self._names or len(self._names) < _MOST_ADDRESSES
            if has_room and len(names) < _MOST_NAMES:
                self._names[address] = names | {name}

    def judge(self, kind: str, address: str, port: int) -> Errand:
        """Decide; a refusal is logged."""
        where = IPv4Address(address)
        names = self._names.get(where, frozenset())
        destination = Destination(where, port, names, where in self._own())
        verdict = self.policy.judge(destination)
        if not verdict.is_allowed and self.policy.mode is NetworkMode.OPEN:
            verdict = self._exceptions().judge(destination) or verdict
        return self._decided(Errand(kind, destination, verdict))

    def hear(self, errand: Errand, name: str | None) -> Errand:
        """Take into account what the connection itself says where it goes; a refusal is logged."""
        if errand.verdict.is_by_proxy:
            reason = (
                None if name and self._exceptions().may_ask_for(name) else "the proxy is for package mirrors only"
            )
            return self._decided(replace(errand, told_name=name, verdict=replace(errand.verdict, reason=reason)))
        if name is None:
            return errand
        heard = replace(errand, told_name=name)
        if errand.verdict.is_by_name and not self.policy.may_call(name, errand.destination.port):
            heard = replace(heard, verdict=replace(heard.verdict, reason="not on the allow list"))
        return self._decided(heard)

    def _decided(self, errand: Errand) -> Errand:
        if not errand.verdict.is_allowed:
            self.journal.write(errand.entry)
        return errand
