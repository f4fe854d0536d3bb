"""The kernel QEMU boots is taken out of Debian's, whichever way that is packed; anything else is refused."""

from __future__ import annotations

import gzip
import lzma
import struct
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images.kernel import extract_vmlinux
from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable


def elf(note: int = 18, owner: bytes = b"Xen\0") -> bytes:
    notes = struct.pack("<III4sQ", 4, 8, 3, owner, 0) + struct.pack("<III4sQ", 4, 8, note, owner, 0)
    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0
    )
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0, 0, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 4, 4, 176, 0, 0, len(notes), len(notes), 4)
    return header + load + segment + notes


def bz_image(payload: bytes) -> bytes:
    image = bytearray(3 * 512)
    image[0x1F1] = 1
    image[0x202:0x208] = b"HdrS" + struct.pack("<H", 0x20F)
    struct.pack_into("<II", image, 0x248, 512, len(payload))
    return bytes(image) + payload + b"trailing"


def no_filter(argv: tuple[str, ...], data: bytes) -> bytes:
    raise AssertionError(f"{argv} is not needed")


@pytest.mark.parametrize("pack", [gzip.compress, lambda data: lzma.compress(data) + b"size"])
def test_formats_that_python_knows_are_unpacked_here(pack: Callable[[bytes], bytes]) -> None:
    assert extract_vmlinux(bz_image(pack(elf())), no_filter) == elf()


@pytest.mark.parametrize(("magic", "tool"), [(b"\x02\x21\x4c\x18", "lz4"), (b"\x28\xb5\x2f\xfd", "zstd")])
def test_other_formats_are_unpacked_by_the_images_own_tools(magic: bytes, tool: str) -> None:
    asked: list[tuple[str, bytes]] = []

    def run_filter(argv: tuple[str, ...], data: bytes) -> bytes:
        asked.append((argv[0], data))
        return elf()

    assert extract_vmlinux(bz_image(magic + b"packed" + b"size"), run_filter) == elf()
    assert asked == [(tool, magic + b"packed")]


@pytest.mark.parametrize(
    ("image", "fault"),
    [
        (b"MZ" * 600, "not a bzImage"),
        (bz_image(b"unknown format"), "unknown here"),
        (bz_image(gzip.compress(b"no ELF file")), "not a 64-bit ELF"),
        (bz_image(gzip.compress(elf(note=17))), "no PVH entry"),
        (bz_image(gzip.compress(elf(owner=b"GNU\0"))), "no PVH entry"),
    ],
)
def test_what_cannot_be_booted_is_refused(image: bytes, fault: str) -> None:
    with pytest.raises(InfraError, match=fault):
        extract_vmlinux(image, no_filter)
