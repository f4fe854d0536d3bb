"""Which devices jobs may use, whatever nodes they make: a program in the kernel, for a cgroup and all below it.

Root in a job may mount a file system full of device nodes. Without this it could read and write the machine's
disk, and those of other jobs.
"""

from __future__ import annotations

import os
from struct import pack

from terraphim_runner.guest.kernel import bpf

CHARACTER_DEVICES = (
    *((1, minor) for minor in (3, 5, 7, 8, 9)),  # null, zero, full, random, urandom
    *((5, minor) for minor in (0, 2)),  # tty, ptmx
    (10, 229),  # fuse
)
_TERMINALS = 136  # a major of nothing else

_PROG_LOAD, _PROG_ATTACH = 5, 8
_CGROUP_DEVICE_PROGRAM, _CGROUP_DEVICE, _ALLOW_MULTIPLE = 15, 6, 2
_CHARACTER, _MAKE_NODE = 2, 1

_LOAD, _MOVE, _SHIFT_RIGHT, _AND, _SET, _EXIT = 0x61, 0xBF, 0x77, 0x57, 0xB7, 0x95
_IF_EQUAL, _IF_DIFFERENT = 0x15, 0x55
_RESULT, _CONTEXT, _TYPE, _MAJOR, _MINOR, _ACCESS = 0, 1, 2, 3, 4, 5


def attach_device_filter(cgroup: str) -> None:
    """Allow processes of a cgroup no devices but these; a node may be made of any.

    Raises:
        OSError: the kernel refused.
    """
    program = device_program()
    program_fd = bpf(_PROG_LOAD, "IIPP", _CGROUP_DEVICE_PROGRAM, len(program) // 8, program, b"GPL")
    cgroup_fd = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        bpf(_PROG_ATTACH, "IIII", cgroup_fd, program_fd, _CGROUP_DEVICE, _ALLOW_MULTIPLE)
    finally:
        os.close(cgroup_fd)
        os.close(program_fd)


def device_program() -> bytes:
    """Look at three words, access and type, major, minor; end with 1 to allow, 0 to refuse."""
    answer = [(_SET, _RESULT, 0, 0, 0), (_EXIT, 0, 0, 0, 0), (_SET, _RESULT, 0, 0, 1), (_EXIT, 0, 0, 0, 0)]
    tests = [(_IF_EQUAL, _MAJOR, _TERMINALS)]
    for major, minor in CHARACTER_DEVICES:
        tests += [(_IF_DIFFERENT, _MAJOR, major), (_IF_EQUAL, _MINOR, minor)]
    start = [
        (_LOAD, _TYPE, _CONTEXT, 0, 0),
        (_LOAD, _MAJOR, _CONTEXT, 4, 0),
        (_LOAD, _MINOR, _CONTEXT, 8, 0),
        (_MOVE, _ACCESS, _TYPE, 0, 0),
        (_SHIFT_RIGHT, _ACCESS, 0, 0, 16),
        (_IF_EQUAL, _ACCESS, 0, len(tests) + 4, _MAKE_NODE),  # to the answer 1
        (_AND, _TYPE, 0, 0, 0xFFFF),
        (_IF_DIFFERENT, _TYPE, 0, len(tests), _CHARACTER),  # to the answer 0
    ]
    middle = [
        # another major: past the test of the minor; the same device: to the answer 1
        (code, register, 0, 1 if code == _IF_DIFFERENT else len(tests) - place + 1, value)
        for place, (code, register, value) in enumerate(tests)
    ]
    return b"".join(_instruction(*each) for each in (*start, *middle, *answer))


def _instruction(code: int, target: int, source: int, offset: int, value: int) -> bytes:
    return pack("<BBhi", code, source << 4 | target, offset, value)
