"""The kernel: the ELF file that QEMU boots at once, taken out of the compressed one that Debian ships."""

from __future__ import annotations

import gzip
import lzma
import struct
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import InfraError

if TYPE_CHECKING:
    from collections.abc import Callable

_SETUP_MAGIC = b"HdrS"
_ELF_64_LITTLE_ENDIAN = b"\x7fELF\x02\x01"
_PT_NOTE = 4
_XEN_PHYS32_ENTRY = 18  # the note that says where a PVH loader jumps to


class Compression(Enum):
    """How the payload of a kernel is packed; the value is its first bytes."""

    GZIP = b"\x1f\x8b"
    XZ = b"\xfd7zXZ\x00"
    LZ4_LEGACY = b"\x02\x21\x4c\x18"
    ZSTD = b"\x28\xb5\x2f\xfd"


def extract_vmlinux(image: bytes, run_filter: Callable[[tuple[str, ...], bytes], bytes]) -> bytes:
    """Unpack a bzImage into the ELF file within; `run_filter` feeds bytes to a command of the image.

    Raises:
        InfraError: this is no kernel we know how to boot.
    """
    compression, payload = _payload(image)
    vmlinux = _decompress(compression, payload, run_filter)
    if not vmlinux.startswith(_ELF_64_LITTLE_ENDIAN):
        raise InfraError("the kernel's payload is not a 64-bit ELF file")
    if not _has_pvh_entry(vmlinux):
        raise InfraError(
            "the kernel cannot be booted directly: it has no PVH entry",
            hint="Use a suite whose cloud kernel is built with CONFIG_PVH.",
        )
    return vmlinux


def _payload(image: bytes) -> tuple[Compression, bytes]:
    if image[0x202:0x206] != _SETUP_MAGIC or struct.unpack_from("<H", image, 0x206)[0] < 0x208:
        raise InfraError("the kernel package's vmlinuz is not a bzImage")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = image[start : start + length]
    for compression in Compression:
        if payload.startswith(compression.value):
            return compression, payload
    raise InfraError(f"the kernel is compressed in a way unknown here (it begins with {payload[:6].hex()})")


def _decompress(
    compression: Compression, payload: bytes, run_filter: Callable[[tuple[str, ...], bytes], bytes]
) -> bytes:
    # The kernel's build appends the unpacked size (4 bytes) to all formats but gzip, which has it by itself.
    match compression:
        case Compression.GZIP:
            return gzip.decompress(payload)
        case Compression.XZ:
            return lzma.decompress(payload[:-4])
        case Compression.LZ4_LEGACY:
            return run_filter(("lz4", "-d", "-c"), payload[:-4])
        case Compression.ZSTD:
            return run_filter(("zstd", "-d", "-c", "-q"), payload[:-4])


def _has_pvh_entry(vmlinux: bytes) -> bool:
    table, entry_size, count = struct.unpack_from("<Q14xHH", vmlinux, 32)
    for number in range(count):
        kind, offset, length = struct.unpack_from("<I4xQ16xQ", vmlinux, table + number * entry_size)
        if kind == _PT_NOTE and _XEN_PHYS32_ENTRY in _xen_notes(vmlinux[offset : offset + length]):
            return True
    return False


def _xen_notes(notes: bytes) -> set[int]:
    kinds, at = set[int](), 0
    while at + 12 <= len(notes):
        name_size, value_size, kind = struct.unpack_from("<III", notes, at)
        if notes[at + 12 : at + 12 + name_size] == b"Xen\0":
            kinds.add(kind)
        at += 12 + (name_size + 3 & ~3) + (value_size + 3 & ~3)
    return kinds
