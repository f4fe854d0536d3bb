"""A job's network: an interface of its own on the machine's, with an address of its own.

The interface is a private ipvlan: what a job sends goes out by the machine's device like the machine's own, and by
the device's rules only; jobs do not reach each other. Nothing is translated, forwarded or filtered here.
"""

from __future__ import annotations

import os
from fcntl import ioctl
from struct import Struct, pack

_DEVICE = b"eth0"  # the machine's, and what the job's will be called
_BIRTH_NAME = b"job"  # the kernel takes the machine's names for taken
_ADDRESSES = range(16, 255)  # of 10.0.2.0/24; the machine's own is .15
_GATEWAY = 2
_VERSION_6_SWITCH = f"/proc/sys/net/ipv6/conf/{_DEVICE.decode()}/disable_ipv6"

_AF_INET, _AF_NETLINK, _SOCK_DGRAM, _SOCK_RAW, _CLOEXEC = 2, 16, 2, 3, 0o2000000
_RTM_NEWLINK, _REQUEST_CREATE = 16, 0x0001 | 0x0004 | 0x0200 | 0x0400  # acknowledge, exclusive, create
_NLMSG_ERROR = 2
_IFLA_IFNAME, _IFLA_LINK, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 5, 18, 28
_INFO_KIND, _INFO_DATA, _IPVLAN_MODE, _IPVLAN_FLAGS = 1, 2, 1, 2
_MODE_L2, _PRIVATE = 0, 1
_HEADER = Struct("=IHHII")
_LINK = Struct("=BxHiII")

_SIOCGIFINDEX, _SIOCSIFNAME = 0x8933, 0x8923
_SIOCADDRT, _SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x890B, 0x8914, 0x8916, 0x891C
_UP_AND_RUNNING = 0x1041  # and multicast, which would be lost otherwise
_ROUTE_UP_BY_GATEWAY = 3


class Addresses:
    """Which addresses are in use; the one that was free longest is next."""

    def __init__(self) -> None:
        """Begin with none in use."""
        self._free = list(_ADDRESSES)

    def take(self) -> int:
        """Take one.

        Raises:
            OSError: there are no more.
        """
        if not self._free:
            raise OSError(99, "no address is left for another root")
        return self._free.pop(0)

    def give_back(self, address: int) -> None:
        """Give one back, for later: the kernel may still be taking its interface down."""
        self._free.append(address)


class Outlet:
    """The machine's side, for as long as a job's interface is being made. Open it in the machine's own root."""

    def __init__(self) -> None:
        """Find the machine's device; without one a job has only its loopback."""
        from _socket import socket  # noqa: PLC0415 - late, not needed at boot; `socket` costs more

        self._socket = socket(_AF_NETLINK, _SOCK_RAW | _CLOEXEC, 0)
        any_socket = socket(_AF_INET, _SOCK_DGRAM | _CLOEXEC)
        try:
            answer = ioctl(any_socket.fileno(), _SIOCGIFINDEX, _interface(_DEVICE, b""))
            self._index = int.from_bytes(answer[16:20], "little")
        except OSError:
            self._index = 0
        finally:
            any_socket.close()

    def connect(self, address: int) -> None:
        """Give the network namespace that this process is in now an interface, and bring it up.

        Raises:
            OSError: the kernel refused.
        """
        if self._index:
            namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                self._socket.send(_new_link(self._index, namespace))
            finally:
                os.close(namespace)
            _check(self._socket.recv(4096))
        _configure(b"10.0.2.%d" % address if self._index else b"")

    def close(self) -> None:
        """Let go of the machine's side."""
        self._socket.close()


def _configure(address: bytes) -> None:
    from _socket import socket  # noqa: PLC0415 - loaded already

    any_socket = socket(_AF_INET, _SOCK_DGRAM | _CLOEXEC)
    try:
        _bring_up(any_socket.fileno(), address)
    finally:
        any_socket.close()


def _bring_up(fd: int, address: bytes) -> None:
    up = pack("<H", _UP_AND_RUNNING)
    ioctl(fd, _SIOCSIFFLAGS, _interface(b"lo", up))
    if address:
        gateway, anywhere = _internet(b"10.0.2.%d" % _GATEWAY), _internet(b"0.0.0.0")
        ioctl(fd, _SIOCSIFNAME, _interface(_BIRTH_NAME, _DEVICE))
        _turn_version_6_off()
        ioctl(fd, _SIOCSIFADDR, _interface(_DEVICE, _internet(address)))
        ioctl(fd, _SIOCSIFNETMASK, _interface(_DEVICE, _internet(b"255.255.255.0")))
        ioctl(fd, _SIOCSIFFLAGS, _interface(_DEVICE, up))
        ioctl(fd, _SIOCADDRT, pack("<8x16s16s16sH62x", anywhere, gateway, anywhere, _ROUTE_UP_BY_GATEWAY))


def _turn_version_6_off() -> None:
    """Keep the interface from looking for neighbours and routers: nobody out there answers.

    It would do that for minutes, and every clone of a template begins with what is left to do.
    """
    try:
        switch = os.open(_VERSION_6_SWITCH, os.O_WRONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # this kernel has no IPv6
    try:
        os.write(switch, b"1")
    finally:
        os.close(switch)


def _new_link(device: int, namespace: int) -> bytes:
    settings = _attribute(_IPVLAN_MODE, pack("=H", _MODE_L2)) + _attribute(_IPVLAN_FLAGS, pack("=H", _PRIVATE))
    kind = _attribute(_INFO_KIND, b"ipvlan") + _attribute(_INFO_DATA, settings)
    body = (
        _LINK.pack(0, 0, 0, 0, 0)
        + _attribute(_IFLA_LINK, pack("=I", device))
        + _attribute(_IFLA_IFNAME, _BIRTH_NAME + b"\0")
        + _attribute(_IFLA_NET_NS_FD, pack("=I", namespace))
        + _attribute(_IFLA_LINKINFO, kind)
    )
    return _HEADER.pack(_HEADER.size + len(body), _RTM_NEWLINK, _REQUEST_CREATE, 1, 0) + body


def _attribute(number: int, value: bytes) -> bytes:
    return pack("=HH", 4 + len(value), number) + value + bytes(-len(value) % 4)


def _check(answer: bytes) -> None:
    kind = _HEADER.unpack_from(answer)[1]
    number = -int.from_bytes(answer[16:20], "little", signed=True)
    if kind == _NLMSG_ERROR and number:
        raise OSError(number, os.strerror(number), "ipvlan")


def _interface(name: bytes, value: bytes) -> bytes:
    return name.ljust(16, b"\0") + value.ljust(24, b"\0")


def _internet(address: bytes) -> bytes:
    return pack("<HH4s8x", _AF_INET, 0, bytes(int(part) for part in address.split(b".")))
