"""The accelerator probe as bytes; `probe.S` is its source, and a test holds the two together."""

from __future__ import annotations

ROM_SIZE = 0x10000
RESET_VECTOR = 0xFFF0
MARKERS = b"RPGD"  # real mode, protected mode, paging, done
EXIT_STATUS = 0x10 << 1 | 1  # isa-debug-exit: what was written, doubled, plus one

_CODE = bytes.fromhex(
    "fabae900b052ee66b900000200664975fc2e660f0116c8000f20c00c010f22c066ea2800ffff0800"
    "66b810008ed88ec08ed066bae900b050eeb9000020004975fd"
    "bf00000100b883000000890783c704050000400073f40f20e00c100f22e0b8000001000f22d80f20c00d000000800f22c0b047ee"
    "bed00700000f20d80f22d88b1d000002000f013d000002008b1d0000020031c00fa24e75e0"
    "66bae900b044ee66baf400b010eef4ebfd"
    "8db40000900000000000000000ffff0000009bcf00ffff00000093cf001700b000ffff"
)
_JUMP_TO_START = bytes.fromhex("e90d00")


def rom() -> bytes:
    """Give the whole ROM: the code at its start, the jump to it at the reset vector."""
    image = bytearray(ROM_SIZE)
    image[: len(_CODE)] = _CODE
    image[RESET_VECTOR : RESET_VECTOR + len(_JUMP_TO_START)] = _JUMP_TO_START
    return bytes(image)
