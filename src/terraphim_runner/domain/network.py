"""What a VM may reach: rules as the operator writes them, and the judgement on one destination."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv4Network

HOST = IPv4Address("127.0.0.1")
_GUEST_VIEW_OF_HOST = "10.0.2.2"  # what a guest calls the machine it runs on
_ALL_PORTS = ((1, 65535),)
_WEB_PORTS = ((80, 80), (443, 443))
_NAME = re.compile(r"(\*\.)?([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_SHAPE = "a domain, *.domain, an IPv4 address or network or `host`, and then perhaps `:` and ports"

# Where no packet of a guest may go unless a rule names the address itself.
_PLACES = {
    "this machine": ("0.0.0.0/8", "127.0.0.0/8"),
    "this link": ("169.254.0.0/16", "224.0.0.0/3"),  # clouds' metadata services; several receivers; reserved
    "its provider": ("168.63.129.16/32", "192.0.0.0/24"),  # Azure's and Oracle's metadata services
}
# Where none may go unless a rule names the address or a name that leads to it.
_PRIVATE = tuple(
    map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15"))
)
_NEVER = tuple((place, IPv4Network(text)) for place, texts in _PLACES.items() for text in texts)


class NetworkMode(Enum):
    """What a VM reaches."""

    NONE = "none"  # nothing: there is no network device
    ALLOWLIST = "allowlist"  # what the rules name
    OPEN = "open"  # the internet; of this machine and of private networks only what the rules name
    UNFILTERED = "unfiltered"  # whatever this machine's processes reach; nothing is checked or logged


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that may be reached: a name or addresses, and at which ports."""

    text: str
    name: str | None  # in lower case; `*.` in front stands for every name below
    network: IPv4Network | None
    ports: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Read a rule as it is written in the settings; without ports it means 80 and 443, `:*` means all.

        Raises:
            ValueError: it is no rule; the message says what one looks like.
        """
        place, colon, ports = text.strip().lower().partition(":")
        if place in {"host", _GUEST_VIEW_OF_HOST}:
            return cls(text, None, IPv4Network(HOST), _parse_ports(text, ports) if colon else _WEB_PORTS)
        name, network = _parse_place(text, place)
        return cls(text, name, network, _parse_ports(text, ports) if colon else _WEB_PORTS)

    def is_for_name(self, name: str) -> bool:
        """Tell whether it names `name`, at whatever port."""
        if self.name is None:
            return False
        if self.name.startswith("*."):
            return name.endswith(self.name[1:])
        return name == self.name

    def is_for_port(self, port: int) -> bool:
        """Tell whether it is about this port."""
        return any(first <= port <= last for first, last in self.ports)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a guest wants to go."""

    address: IPv4Address
    port: int
    names: frozenset[str] = frozenset()  # what the guest looked up and was given this address for
    is_own: bool = False  # it is an address of this machine


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it may."""

    reason: str | None = None  # why not
    # Only for the names' sake: a name that the connection itself tells must be allowed too.
    is_by_name: bool = False
    is_by_proxy: bool = False  # only for what the proxy is asked for: that must be allowed too

    @property
    def is_allowed(self) -> bool:
        """Whether it may go there."""
        return self.reason is None


_ALLOWED = Verdict()


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """What VMs of a type may reach."""

    mode: NetworkMode = NetworkMode.OPEN
    rules: tuple[Rule, ...] = ()

    def __str__(self) -> str:
        """Print it in a word, with its rules if it has any."""
        rules = ", ".join(rule.text for rule in self.rules)
        return f"{self.mode.value} ({rules})" if rules else self.mode.value

    def judge(self, destination: Destination) -> Verdict:
        """Decide on a connection or a datagram."""
        rules = [rule for rule in self.rules if rule.is_for_port(destination.port)]
        if any(rule.network is not None and destination.address in rule.network for rule in rules):
            return _ALLOWED
        if place := _forbidden_place(destination):
            return Verdict(f"an address of {place}")
        is_named = any(rule.is_for_name(name) for rule in rules for name in destination.names)
        if self.mode is NetworkMode.ALLOWLIST:
            return Verdict(is_by_name=True) if is_named else Verdict("not on the allow list")
        if is_named or not any(destination.address in network for network in _PRIVATE):
            return _ALLOWED
        return Verdict("an address of a private network")

    def may_look_up(self, name: str) -> bool:
        """Decide on a question to the name server."""
        if self.mode is not NetworkMode.ALLOWLIST:
            return True
        return any(rule.is_for_name(name) for rule in self.rules)

    def may_call(self, name: str, port: int) -> bool:
        """Decide on the name that a connection tells by itself: TLS's server name, HTTP's host."""
        return any(rule.is_for_port(port) and rule.is_for_name(name) for rule in self.rules)


OPEN = NetworkPolicy()


@dataclass(frozen=True, slots=True)
class Exceptions:
    """What an open network reaches besides: servers, and proxies, which are asked for these servers alone."""

    servers: tuple[Rule, ...] = ()
    proxies: tuple[Rule, ...] = ()

    def judge(self, destination: Destination) -> Verdict | None:
        """Allow what is an exception; None for all else."""
        if NetworkPolicy(rules=self.servers).judge(destination).is_allowed:
            return _ALLOWED
        is_proxy = NetworkPolicy(rules=self.proxies).judge(destination).is_allowed
        return Verdict(is_by_proxy=True) if is_proxy else None

    def may_ask_for(self, name: str) -> bool:
        """Decide on the server that a proxy is asked for, by name or address; never on the proxy's own machine."""
        is_address = name != str(HOST) and any(str(rule.network) == f"{name}/32" for rule in self.servers)
        return is_address or any(rule.is_for_name(name) for rule in self.servers)


def _forbidden_place(destination: Destination) -> str | None:
    if destination.is_own:
        return "this machine"
    return next((place for place, network in _NEVER if destination.address in network), None)


def _parse_place(text: str, place: str) -> tuple[str | None, IPv4Network | None]:
    if re.fullmatch(r"[0-9./]+", place):
        try:
            return None, IPv4Network(place)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
    if not _NAME.fullmatch(place) or len(place) > 253:
        raise ValueError(f"{text!r} is not {_SHAPE}")
    return place, None


def _parse_ports(text: str, ports: str) -> tuple[tuple[int, int], ...]:
    if ports == "*":
        return _ALL_PORTS
    return tuple(_parse_port_range(text, part) for part in ports.split(","))


def _parse_port_range(text: str, part: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part.strip())
    if found is None or not 1 <= int(found[1]) <= int(found[2] or found[1]) <= 65535:
        raise ValueError(f"{text!r}: {part!r} is no port; write 443, 80,443, 8000-8010 or *")
    return int(found[1]), int(found[2] or found[1])
