"""A static x86-64 Linux program that is nothing but a list of system calls.

The first program of a guest mounts, loads modules, configures the network and starts the agent: some hundred
system calls and no decision but one. A shell forks for each, which under emulation adds up to a fifth of the boot,
and not every host has a compiler. So the program is a table, laid out here, and a loop that walks it:

         mov   $table, %ebx
    1:   mov   56(%rbx), %rax    what lies at this address ...
         mov   64(%rbx), %rcx
         cmp   %rcx, (%rax)      ... must be this, or the call is passed over
         jne   2f
         mov   (%rbx), %rax
         mov   8(%rbx), %rdi
         mov   16(%rbx), %rsi
         mov   24(%rbx), %rdx
         mov   32(%rbx), %r10
         mov   40(%rbx), %r8
         mov   48(%rbx), %r9
         syscall                 the result is not looked at
    2:   add   $72, %rbx
         jmp   1b

It ends by `execve` or `exit_group`. There are no variables: a descriptor's number is known beforehand, since the
kernel gives the lowest that is free, and a call on one that could not be opened fails without harm.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOP = bytes.fromhex(
    "488b4338 488b4b40 483908 751d"  # condition
    "488b03 488b7b08 488b7310 488b5318 4c8b5320 4c8b4328 4c8b4b30 0f05"  # call
    "4883c348 ebd0"  # next
)
_MOV_TO_EBX = b"\xbb"
_RECORD_SIZE = 72
_CODE_ADDRESS = 0x400000
_DATA_ADDRESS = 0x600000
_HEADERS_SIZE = 64 + 2 * 56  # of the ELF file and its two segments
_READ_EXECUTE, _READ_WRITE = 5, 6


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Eight zero bytes that calls may write into; each is its own."""


@dataclass(frozen=True, slots=True)
class Strings:
    """A vector of strings, as `execve` takes it."""

    items: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One system call; `bytes` are passed by address, a NUL after them.

    With `only_if` it is made only when that buffer holds exactly these bytes, padded with NULs to eight.
    """

    number: int
    arguments: tuple[int | bytes | Buffer | Strings, ...]
    only_if: tuple[Buffer, bytes] | None = None


def assemble(calls: Sequence[Call]) -> bytes:
    """Lay out the program as an ELF file; the last call must not return."""
    data = _Data(_DATA_ADDRESS + len(calls) * _RECORD_SIZE)
    always = (Buffer(), b"")
    table = b"".join(_record(call, data, call.only_if or always) for call in calls)
    code = _MOV_TO_EBX + struct.pack("<I", _DATA_ADDRESS) + _LOOP
    return _elf(code, table + data.content)


class _Data:
    def __init__(self, address: int) -> None:
        self.content = b""
        self._address = address
        self._placed: dict[bytes | Buffer | Strings, int] = {}

    def place(self, value: bytes | Buffer | Strings) -> int:
        if value not in self._placed:
            self._placed[value] = self._append(self._encode(value))
        return self._placed[value]

    def _encode(self, value: bytes | Buffer | Strings) -> bytes:
        match value:
            case bytes():
                return value + b"\0"
            case Buffer():
                return bytes(8)
            case Strings(items):
                return struct.pack(f"<{len(items) + 1}Q", *map(self.place, items), 0)

    def _append(self, encoded: bytes) -> int:
        address = self._address + len(self.content)
        self.content += encoded + bytes(-len(encoded) % 8)
        return address


def _record(call: Call, data: _Data, condition: tuple[Buffer, bytes]) -> bytes:
    arguments = [value if isinstance(value, int) else data.place(value) for value in call.arguments]
    unused = [0] * (6 - len(arguments))
    buffer, expected = condition
    return struct.pack("<8Q8s", call.number, *arguments, *unused, data.place(buffer), expected)


def _elf(code: bytes, data: bytes) -> bytes:
    entry = _CODE_ADDRESS + _HEADERS_SIZE
    code_end = _HEADERS_SIZE + len(code)
    # the kernel maps whole pages, so the data starts on one
    data_start = (code_end + 4095) & ~4095
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, entry, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    segments = _segment(_READ_EXECUTE, 0, _CODE_ADDRESS, code_end)
    segments += _segment(_READ_WRITE, data_start, _DATA_ADDRESS, len(data))
    return (header + segments + code).ljust(data_start, b"\0") + data


def _segment(flags: int, offset: int, address: int, size: int) -> bytes:
    return struct.pack("<IIQQQQQQ", 1, flags, offset, address, address, size, size, 4096)
