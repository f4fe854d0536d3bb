"""What takes the agent's place in the floor's guest. As little as answers at all; standard library only.

It reads lines and answers each with one line, but for `r`, which answers with what was asked for.

    e          start /bin/echo with the port as its output
    p NS HEX   set the clock and give the kernel's random generator this entropy to use from now on
    w N        take N bytes
    r N        give N bytes
    m PATH     flush the mailbox disk, mount its squashfs, lay an overlay with it over PATH
    u PATH     take all that away again
"""

import fcntl
import os
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_PORTS = "/sys/class/virtio-ports"
_RNDADDENTROPY, _RNDRESEEDCRNG = 0x40085203, 0x5207
_PIECE = 32 * 1024  # larger ones cost the guest more: every read maps and unmaps its buffer
_MOUNT = """set -e
for disk in /sys/block/vd*; do [ "$(cat $disk/serial)" != mailbox ] || device=/dev/${disk##*/}; done
blockdev --flushbufs $device
mkdir -p /run/lower /var/lib/upper /var/lib/work "$0"
mount -t squashfs -o ro $device /run/lower
mount -t overlay -o lowerdir=/run/lower,upperdir=/var/lib/upper,workdir=/var/lib/work,volatile overlay "$0"
"""
_UNMOUNT = 'umount "$0" && umount /run/lower && rm -r /var/lib/upper /var/lib/work'


def main() -> "NoReturn":
    """Say that the machine is up, then do as told, for ever: this is PID 1."""
    port = _open_port()
    os.write(port, b"ready\n")
    while True:
        words = _read_line(port).split()
        match words:
            case [b"e"]:
                _run(("/bin/echo", "hello"), port)
            case [b"p", unix_ns, entropy]:
                _personalize(int(unix_ns), bytes.fromhex(entropy.decode()))
                os.write(port, b"personalized\n")
            case [b"w", size]:
                _take(port, int(size))
                os.write(port, b"taken\n")
            case [b"r", size]:
                _give(port, int(size))
            case [b"m", path]:
                status = _run(("/bin/sh", "-c", _MOUNT, path.decode()), 2)
                os.write(port, f"mounted {status}\n".encode())
            case [b"u", path]:
                status = _run(("/bin/sh", "-c", _UNMOUNT, path.decode()), 2)
                os.write(port, f"unmounted {status}\n".encode())
            case _:
                os.write(port, b"what?\n")


def _open_port() -> int:
    while True:
        try:
            name = os.listdir(_PORTS)[0]  # noqa: PTH208 - pathlib takes long to import
            return os.open(f"/dev/{name}", os.O_RDWR)
        except (OSError, IndexError):
            os.sched_yield()


def _read_line(port: int) -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        line += os.read(port, 1)
    return line


def _run(argv: tuple[str, ...], output: int) -> int:
    pid = os.fork()
    if pid == 0:
        os.dup2(output, 1)
        os.execv(argv[0], argv)
    return os.waitpid(pid, 0)[1]


def _personalize(unix_ns: int, entropy: bytes) -> None:
    time.clock_settime_ns(time.CLOCK_REALTIME, unix_ns)
    random = os.open("/dev/urandom", os.O_WRONLY)
    fcntl.ioctl(random, _RNDADDENTROPY, struct.pack("ii", len(entropy) * 8, len(entropy)) + entropy)
    fcntl.ioctl(random, _RNDRESEEDCRNG)
    os.close(random)


def _take(port: int, size: int) -> None:
    while size:
        size -= len(os.read(port, min(size, _PIECE)))


def _give(port: int, size: int) -> None:
    piece = bytes(_PIECE)
    while size:
        size -= os.write(port, piece[: min(size, _PIECE)])


main()
