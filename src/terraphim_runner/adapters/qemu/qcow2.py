"""Blank qcow2 overlays, written without qemu-img: a header, one refcount table and block, one L1 table."""

from __future__ import annotations

import struct

CLUSTER_BITS = 16
CLUSTER = 1 << CLUSTER_BITS
_MAGIC = 0x514649FB
_VERSION = 3
_REFCOUNT_ORDER = 4  # 16-bit refcounts
_HEADER = struct.Struct(">IIQIIQIIQQIIQQQQII")


def blank_overlay(virtual_size: int) -> bytes:
    """Give a qcow2 image of `virtual_size` bytes that holds nothing; its backing file is the opener's to name.

    Clusters in order: header, refcount table, refcount block, L1 table.

    Raises:
        ValueError: the size is not a positive multiple of 512, or beyond one refcount block's reach.
    """
    if virtual_size <= 0 or virtual_size % 512:
        raise ValueError(f"not a disk size: {virtual_size}")
    l1_entries = -(-virtual_size // (CLUSTER * CLUSTER // 8))
    l1_clusters = -(-l1_entries * 8 // CLUSTER)
    clusters = 3 + l1_clusters
    if clusters > CLUSTER // 2:
        raise ValueError(f"too large a disk: {virtual_size}")
    header = _HEADER.pack(
        *(_MAGIC, _VERSION, 0, 0, CLUSTER_BITS, virtual_size, 0, l1_entries, 3 * CLUSTER, CLUSTER, 1, 0, 0),
        *(0, 0, 0, _REFCOUNT_ORDER, _HEADER.size),
    )
    refcount_table = struct.pack(">Q", 2 * CLUSTER)
    refcounts = struct.pack(">H", 1) * clusters
    return b"".join(
        (_cluster(header), _cluster(refcount_table), _cluster(refcounts), bytes(l1_clusters * CLUSTER))
    )


def _cluster(content: bytes) -> bytes:
    return content.ljust(CLUSTER, b"\0")
