"""A new process without a fork of the agent: it begins with a list of system calls, in the agent's own memory.

A fork copies the page tables of an interpreter, and both sides then copy the pages they write; what a child does
in Python is cold code under emulation, all of it. Here the child executes the calls that the agent has laid out,
the last of which is execve; `spawn.S` is the source of the code that does it, and a test holds the two together.
The kernel puts it into its cgroup when it makes it, so it is never in any other.

The agent goes on at once. It does not wait for the child as vfork would: a job may have the child hang, by a
directory on a file system of its own making.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os
from struct import Struct, unpack_from

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.account import Account
    from terraphim_runner.guest.child import Child

_CODE = bytes.fromhex(
    "4d89c24989d04989c9b8b30100000f054885c07401c3498b00498b7808498b7010498b50180f054989004983c0204885c079e34d39"
    "c877de4d89d0ebd9"
)
_ZERO, _WORD = 128, 192  # offsets behind it: where there are only zeros, and where there is the text "0"

_WRITE, _SCHED_YIELD, _DUP2, _CHDIR, _SETGROUPS, _SETSID = 1, 24, 33, 80, 116, 112
_SETRESUID, _SETRESGID, _SETSCHEDULER, _EXECVE, _EXIT, _SETNS = 117, 119, 144, 59, 231, 308

_CLONE_VM = 0x100
_CLONE_CHILD_CLEARTID = 0x200000
_CLONE_CLEAR_SIGHAND = 0x100000000  # the agent's handlers would run on the agent's stack
_CLONE_INTO_CGROUP = 0x200000000
_ANYWHERE = _CLONE_VM | _CLONE_CHILD_CLEARTID | _CLONE_CLEAR_SIGHAND
_IN_CGROUP = _ANYWHERE | _CLONE_INTO_CGROUP
_ARGUMENTS = 88  # bytes of clone3's, of version 2
_CHUNK = 64  # words that are written at once: as many as are needed for a small command
_WORDS = Struct(f"<{_CHUNK}Q")
_PADDING = [0] * _CHUNK
_BLOCK = 32 * 1024  # bytes of a block that is kept; a command that needs more has one made for it
_HEAD = 12  # words before the list: clone3's arguments, and one that the kernel clears when the child has left

_PROT_READ_EXEC, _MAP_PRIVATE = 5, 2

Call = tuple[int, int, int, int]


class _Code:
    """The code in this process's memory."""

    def __init__(self) -> None:
        """Map it, where nothing can be written."""
        import ctypes  # noqa: PLC0415 - late, it costs 4 ms and is not needed at boot

        fd = os.memfd_create("spawn", os.MFD_CLOEXEC)
        try:
            os.write(fd, _CODE.ljust(_WORD, b"\0") + b"0")
            mmap = ctypes.CDLL(None, use_errno=True).mmap
            mmap.restype = ctypes.c_void_p
            mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
            address = mmap(None, 4096, _PROT_READ_EXEC, _MAP_PRIVATE, fd, 0)
        finally:
            os.close(fd)
        if address is None or address == ctypes.c_void_p(-1).value:
            raise OSError(ctypes.get_errno(), "cannot map code")
        self.address: int = address
        kind = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_void_p] * 3)
        self.call: Callable[[int, int, int, int, int], int] = kind(address)
        self._addressof = ctypes.addressof
        self._char = ctypes.c_char

    def locate(self, content: bytearray) -> int:
        """Give the address of the content: its own for as long as its size does not change."""
        return self._addressof(self._char.from_buffer(content))


class _Block:
    """Memory to lay things out in."""

    def __init__(self, size: int) -> None:
        """Reserve it."""
        self.content = bytearray(size)
        self.address = _mapped().locate(self.content)


_code: list[_Code] = []
_blocks: list[_Block] = []  # that nobody needs now


class Birth:
    """A process on its way to its program. Keep it until that runs, or it is dead: it reads what is here."""

    def __init__(self, child: Child, group_fd: int, calls: tuple[Call, ...] = ()) -> None:
        """Start it in the cgroup of a descriptor, or where the agent is (-1); `calls` are the first it makes.

        Raises:
            BlockingIOError: the cgroup, or the machine, may have no more processes.
            OSError: it cannot be made.
            ValueError: a text holds a null character.
        """
        self._child = child
        programs = child.programs
        content, starts = _join(child, programs)
        self._must = len(calls) + 6 + _calls_to_become(child.account)  # the number of calls that may not fail
        self._attempts = len(programs)
        groups = child.account.group_words if child.account else ()
        count = _HEAD + 4 * (self._must + self._attempts + 2) + len(child.argv) + len(child.env) + 2 + len(groups)
        self._head = len(content) + 8 - len(content) % 8
        size = self._head + 8 * (count + _CHUNK)
        self._block = _blocks.pop() if size <= _BLOCK and _blocks else _Block(max(_BLOCK, size))
        self._block.content[: len(content)] = content
        base = self._block.address
        words = self._list(base, calls, starts, group_fd)
        words += groups
        words += _PADDING[: _CHUNK - count % _CHUNK]
        self._write(words)
        arguments = base + self._head
        first = arguments + 8 * _HEAD
        attempts = first + 32 * self._must
        end = attempts + 32 * self._attempts
        self._end = end - base
        self.pid = _mapped().call(arguments, _ARGUMENTS, first, attempts, end)
        if self.pid < 0:
            self.release()
            raise OSError(-self.pid, os.strerror(-self.pid))

    def release(self) -> None:
        """Let others use its memory; the child is dead, and nothing is asked of this any more."""
        if len(self._block.content) == _BLOCK:
            _blocks.append(self._block)

    def _write(self, words: list[int]) -> None:
        if len(words) == _CHUNK:  # slices are code that is cold in a clone
            _WORDS.pack_into(self._block.content, self._head, *words)
            return
        for at in range(0, len(words), _CHUNK):
            _WORDS.pack_into(self._block.content, self._head + 8 * at, *words[at : at + _CHUNK])

    def _list(self, base: int, calls: tuple[Call, ...], starts: list[int], group_fd: int) -> list[int]:
        """Lay out all words but the user's groups, which follow."""
        child = self._child
        texts = []
        for start in starts:
            texts.append(base + start)  # noqa: PERF401 - a comprehension is code that is cold in a clone
        argc, cwd = len(child.argv), len(child.argv) + len(child.env)
        head = base + self._head
        argv = head + 8 * (_HEAD + 4 * (self._must + self._attempts + 2))
        envp = argv + 8 * (argc + 1)
        flags = _ANYWHERE if group_fd < 0 else _IN_CGROUP
        words = [flags, 0, head + _ARGUMENTS, 0, _signal.SIGCHLD, 0, 0, 0, 0, 0, group_fd, 1]
        if group_fd < 0:
            words[10] = 0
        for call in calls:
            words += call
        stdin, stdout, stderr = child.streams
        words += [_SETSID, 0, 0, 0, _DUP2, stdin, 0, 0, _DUP2, stdout, 1, 0, _DUP2, stderr, 2, 0]
        words += [_SETSCHEDULER, 0, 0, _mapped().address + _ZERO]  # an ordinary task
        if account := child.account:
            words += [_SETGROUPS, len(account.groups), envp + 8 * (len(child.env) + 1), 0]
            if uid := account.uid:
                gid = account.gid
                words += [_SETRESGID, gid, gid, gid, _SETRESUID, uid, uid, uid]
        words += [_CHDIR, texts[cwd], 0, 0]
        for program in texts[cwd + 1 :]:
            words += [_EXECVE, program, argv, envp]
        words += [_SCHED_YIELD, 0, 0, 0, _EXIT, 127, 0, 0]
        words += texts[:argc]
        words.append(0)
        words += texts[argc:cwd]
        words.append(0)
        return words

    @property
    def is_over(self) -> bool:
        """Tell whether the child shares the memory no more: it executes its program, or has ended."""
        return self._block.content[self._head + _ARGUMENTS] == 0

    @property
    def has_failed(self) -> bool:
        """Tell, once it is over, whether there is no program; a child that was killed before has not failed."""
        return self._block.content[self._end] == 0  # the result of a call that is only made then

    def failure(self) -> OSError:
        """Tell why it has failed."""
        layout = f"<{4 * (self._must + self._attempts)}q"
        results = unpack_from(layout, self._block.content, self._head + 8 * _HEAD)[::4]
        for number, result in enumerate(results[: self._must]):
            if result < 0:
                is_chdir = number == self._must - 1
                return OSError(-result, os.strerror(-result), self._child.cwd if is_chdir else None)
        return self._child.refusal([-result for result in results[self._must :]])


def _calls_to_become(account: Account | None) -> int:
    if account is None:
        return 0
    return 3 if account.uid else 1  # who has accounts is the superuser


def joining(members_fd: int) -> Call:
    """Give the call that brings a process into the cgroup of this cgroup.procs, however many it may hold."""
    return (_WRITE, members_fd, _mapped().address + _WORD, 1)


def entering(namespace_fd: int, flags: int) -> Call:
    """Give the call that brings a process into namespaces."""
    return (_SETNS, namespace_fd, flags, 0)


def _join(child: Child, programs: list[str]) -> tuple[bytes, list[int]]:
    """Give all texts as the kernel wants them, and where each starts."""
    parts: list[str] = []
    for text in child.argv:
        parts += (text, "\0")
    for name, value in child.env:
        parts += (name, "=", value, "\0")
    parts += (child.cwd, "\0")
    for text in programs:
        parts += (text, "\0")
    content = "".join(parts).encode("utf-8", "surrogateescape")
    starts: list[int] = []
    start = 0
    while start < len(content):
        starts.append(start)
        start = content.index(b"\0", start) + 1
    if len(starts) != len(child.argv) + len(child.env) + 1 + len(programs):
        raise ValueError("embedded null byte")
    return content, starts


def _mapped() -> _Code:
    if not _code:
        _code.append(_Code())
    return _code[0]
