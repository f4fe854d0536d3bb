"""The machine as a whole: what makes a restored clone its own, and its end."""

from __future__ import annotations

import os
import sys
import time

from terraphim_runner.guest.kernel import add_entropy, power_off

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.wire.message import Personalize

_MACHINE_ID = "/etc/machine-id"
_HOSTNAME = "/proc/sys/kernel/hostname"


def personalize(request: Personalize) -> None:
    """Set the clock, feed the random generators and change the names; what is empty stays.

    Raises:
        OSError: the kernel refused.
    """
    if request.unix_ns:
        time.clock_settime_ns(time.CLOCK_REALTIME, request.unix_ns)
    if request.entropy:
        add_entropy(request.entropy)
        _reseed_python()
    if request.machine_id:
        _overwrite(_MACHINE_ID, request.machine_id)
    if request.hostname:
        with open(_HOSTNAME, "w", encoding="utf-8") as file:
            file.write(request.hostname)


def turn_off() -> None:
    """Write the disks and turn the machine off."""
    os.sync()
    power_off()


def _reseed_python() -> None:
    random = sys.modules.get("random")  # the agent does not import it; a module of the library may have
    if random is not None:
        random.seed()


def _overwrite(path: str, text: str) -> None:
    # in place: under emulation, a new file costs a restored clone ten times as much
    content = text.encode() + b"\n"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444)
    try:
        os.write(fd, content)
        if os.lseek(fd, 0, os.SEEK_END) != len(content):
            os.ftruncate(fd, len(content))
    finally:
        os.close(fd)
