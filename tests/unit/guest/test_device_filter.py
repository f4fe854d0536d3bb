"""The program that the kernel runs for every use of a device, run here by an interpreter for its few words."""

from __future__ import annotations

from struct import iter_unpack, pack, unpack_from

import pytest

from terraphim_runner.guest.device_filter import device_program

BLOCK, CHARACTER = 1, 2
MAKE, READ, WRITE = 1, 2, 4


def is_allowed(access: int, kind: int, major: int, minor: int) -> bool:
    context = pack("<III", access << 16 | kind, major, minor)
    registers = [0, 0, 0, 0, 0, 0]
    program = list(iter_unpack("<BBhi", device_program()))
    at = 0
    while True:
        code, names, offset, value = program[at]
        target, source = names & 15, names >> 4
        at += 1
        match code:
            case 0x61:
                registers[target] = unpack_from("<I", context, offset)[0]
            case 0xBF:
                registers[target] = registers[source]
            case 0x77:
                registers[target] >>= value
            case 0x57:
                registers[target] &= value
            case 0xB7:
                registers[target] = value
            case 0x15:
                at += offset if registers[target] == value else 0
            case 0x55:
                at += offset if registers[target] != value else 0
            case 0x95:
                return registers[0] == 1
            case _:
                raise AssertionError(code)


@pytest.mark.parametrize(
    ("major", "minor"), [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (10, 229), (136, 0), (136, 77)]
)
def test_the_devices_of_a_root_may_be_used(major: int, minor: int) -> None:
    assert is_allowed(READ | WRITE, CHARACTER, major, minor)
    assert not is_allowed(READ, BLOCK, major, minor)


@pytest.mark.parametrize(
    ("major", "minor"), [(1, 1), (1, 2), (1, 4), (1, 11), (5, 1), (10, 237), (10, 3), (229, 10)]
)
def test_no_other_may(major: int, minor: int) -> None:
    assert not is_allowed(READ, CHARACTER, major, minor)
    assert not is_allowed(READ | MAKE, CHARACTER, major, minor)


@pytest.mark.parametrize("major", [7, 8, 253, 254])
def test_disks_may_not_be_used_and_their_nodes_be_made(major: int) -> None:
    for access in (READ, WRITE, READ | WRITE | MAKE):
        assert not is_allowed(access, BLOCK, major, 0)
    assert is_allowed(MAKE, BLOCK, major, 0)
