"""The program is what the kernel loads: headers, a loop, and a table of calls."""

from __future__ import annotations

import struct

from terraphim_runner.adapters.images.syscall_program import Buffer, Call, Strings, assemble


class Loaded:
    """A program in memory, as the kernel would put it there."""

    def __init__(self, program: bytes) -> None:
        kind, machine, entry, table = struct.unpack_from("<HH4xQQ", program, 16)
        assert (program[:7], kind, machine) == (b"\x7fELF\x02\x01\x01", 2, 62)
        self.segments = []
        for number in range(struct.unpack_from("<H", program, 56)[0]):
            segment_kind, flags, offset, address, _, size, memory, align = struct.unpack_from(
                "<IIQQQQQQ", program, table + 56 * number
            )
            assert (segment_kind, size, offset % align) == (1, memory, address % align)
            self.segments.append((flags, address, program[offset : offset + size]))
        self.entry = entry

    def read(self, address: int, size: int) -> bytes:
        for _, start, content in self.segments:
            if start <= address < start + len(content):
                return content[address - start : address - start + size]
        raise AssertionError(f"nothing is mapped at {address:#x}")

    def text(self, address: int) -> bytes:
        return self.read(address, 4096).partition(b"\0")[0]

    def record(self, number: int) -> tuple[int, ...]:
        return struct.unpack("<9Q", self.read(self.table + 72 * number, 72))

    @property
    def table(self) -> int:
        """What the first instruction, mov $table, %ebx, loads."""
        code = self.read(self.entry, 5)
        assert code[:1] == b"\xbb"
        return int(struct.unpack("<I", code[1:])[0])


def test_code_cannot_be_written_and_data_cannot_be_executed() -> None:
    loaded = Loaded(assemble([Call(60, (0,))]))

    assert [flags for flags, _, _ in loaded.segments] == [5, 6]


def test_a_call_has_its_number_and_arguments_and_zeros_after_them() -> None:
    loaded = Loaded(assemble([Call(1, (2, b"hello", 5)), Call(60, (0,))]))
    number, descriptor, text, size, *rest = loaded.record(0)

    assert (number, descriptor, loaded.text(text), size, rest[:3]) == (1, 2, b"hello", 5, [0, 0, 0])


def test_a_call_without_condition_is_always_made() -> None:
    loaded = Loaded(assemble([Call(1, ()), Call(60, (0,))]))
    *_, address, expected = loaded.record(0)

    assert loaded.read(address, 8) == struct.pack("<Q", expected)


def test_a_condition_looks_at_the_buffer_another_call_filled() -> None:
    serial, other = Buffer(), Buffer()
    loaded = Loaded(assemble([Call(0, (3, serial, 8)), Call(0, (3, other, 8)), Call(165, (), (serial, b"root"))]))
    *_, address, expected = loaded.record(2)

    assert (address, struct.pack("<Q", expected)) == (loaded.record(0)[2], b"root\0\0\0\0")
    assert loaded.record(1)[2] != address


def test_vectors_point_to_their_strings_and_end_with_null() -> None:
    loaded = Loaded(assemble([Call(59, (b"/bin/x", Strings((b"x", b"-y")), Strings(())))]))
    _, path, argv, envp, *_ = loaded.record(0)
    first, second, end = struct.unpack("<3Q", loaded.read(argv, 24))

    assert (loaded.text(path), loaded.text(first), loaded.text(second), end) == (b"/bin/x", b"x", b"-y", 0)
    assert loaded.read(envp, 8) == bytes(8)
