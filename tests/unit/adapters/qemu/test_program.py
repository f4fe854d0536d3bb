"""What QEMU and the kernel say of themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from terraphim_runner.adapters.qemu.program import parse_version, tsc_khz
from terraphim_runner.domain.errors import HostError

QEMU = Path("/usr/bin/qemu")


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright", "7.2.22"),
        ("QEMU emulator version 10.0.2", "10.0.2"),
        ("QEMU emulator version 9.1 (something)", "9.1"),
    ],
)
def test_a_version_is_read(said: str, version: str) -> None:
    """Whatever the distribution adds."""
    assert parse_version(said, QEMU) == version


@pytest.mark.parametrize("said", ["QEMU emulator version 7.1.99", "QEMU emulator version 5.2.0", "", "hello"])
def test_what_is_too_old_or_no_qemu_is_refused_with_the_remedy(said: str) -> None:
    """The remedy is a command."""
    with pytest.raises(HostError) as caught:
        parse_version(said, QEMU)

    assert caught.value.hint == "apt-get install qemu-system-x86"


def test_the_clock_rate_is_half_the_bogomips() -> None:
    """In kHz; the first CPU's."""
    assert tsc_khz("model name : x\nbogomips\t: 5192.24\nbogomips\t: 1.00\n") == 2_596_120


def test_an_unknown_clock_rate_is_an_error() -> None:
    """Guessing it would make boots hang."""
    with pytest.raises(HostError, match="bogomips"):
        tsc_khz("processor : 0\n")
