"""Runs as a program of its own, as the first in a new network namespace: makes it a trap for everything.

Every address is made local, and every packet but those to and from name servers is delivered to two transparent
sockets; answers find their way, for they belong to a connection or are marked. The sockets and the namespace are
handed over through standard input, which is a unix socket; then the program ends. The namespace lives for as long
as somebody holds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys

_SIOCSIFFLAGS, _UP = 0x8914, 0x1 | 0x40
_IP_PKTINFO, _IP_TRANSPARENT, _IP_RECVORIGDSTADDR, _SO_MARK = 8, 19, 20, 36
_NEW_ROUTE, _REQUEST_ACK_CREATE = 24, 0x405
_LOCAL_TABLE, _BY_ADMINISTRATOR, _HOST_SCOPE, _LOCAL = 255, 4, 254, 2
_OUTPUT_INTERFACE, _LOOPBACK = 4, 1
_OURS = 1  # the mark of the answers that are sent in servers' names
_ANY, _TRAP = "0.0.0.0", ("127.0.0.1", 1)  # noqa: S104 - of a namespace that leads nowhere
_RULES = f"""
table ip trap {{
    chain everything {{
        type filter hook prerouting priority mangle
        meta mark {_OURS} accept
        udp sport 53 accept
        udp dport 53 accept
        meta l4proto != {{ tcp, udp }} drop
        meta l4proto {{ tcp, udp }} tproxy to {_TRAP[0]}:{_TRAP[1]} accept
    }}
}}
"""


def main(nft: str) -> None:
    """Make the trap and hand it over; or say what went wrong."""
    runner = socket.socket(fileno=0)
    try:
        _bring_up_loopback()
        _make_every_address_local()
        sockets = [_listener(), _name_socket(), _datagram_socket(), _answering_socket()]
        _load_rules(nft)
        spaces = [os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in ("net", "user")]
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, "stderr", None) or error
        runner.sendall(json.dumps({"error": str(detail).strip()}).encode())
        sys.exit(1)
    socket.send_fds(runner, [b"{}"], [*spaces, *(sock.fileno() for sock in sockets)])


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _UP))


def _make_every_address_local() -> None:
    """Do what `ip route add local default dev lo` does, without having to have it."""
    interface = struct.pack("=HHI", 8, _OUTPUT_INTERFACE, _LOOPBACK)
    route = struct.pack(
        "=BBBBBBBBI", socket.AF_INET, 0, 0, 0, _LOCAL_TABLE, _BY_ADMINISTRATOR, _HOST_SCOPE, _LOCAL, 0
    )
    body = route + interface
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.send(struct.pack("=IHHII", 16 + len(body), _NEW_ROUTE, _REQUEST_ACK_CREATE, 1, 0) + body)
        (code,) = struct.unpack_from("=i", kernel.recv(4096), 16)
    if code:
        raise OSError(-code, f"cannot make a route: {os.strerror(-code)}")


def _listener() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
    sock.bind(_TRAP)
    sock.listen(256)
    return sock


def _name_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_IP, _IP_PKTINFO, 1)
    sock.bind((_ANY, 53))
    return sock


def _datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
    sock.setsockopt(socket.SOL_IP, _IP_RECVORIGDSTADDR, 1)
    sock.bind(_TRAP)
    return sock


def _answering_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sock.setsockopt(socket.SOL_SOCKET, _SO_MARK, _OURS)
    return sock


def _load_rules(nft: str) -> None:
    subprocess.run([nft, "-f", "-"], input=_RULES, text=True, capture_output=True, check=True)


if __name__ == "__main__":
    main(sys.argv[1])
