"""Modules load in an order in which each finds what it needs."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.images.initramfs import load_order, parse_modules_dep
from terraphim_runner.domain.errors import InfraError

MODULES_DEP = """\
kernel/drivers/virtio/virtio_ring.ko:
kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_mmio.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/block/virtio_blk.ko: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/net/core/failover.ko:
kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko \
kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/char/virtio_console.ko.xz: kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
kernel/fs/unwanted.ko:
"""


def names(order: tuple[str, ...]) -> list[str]:
    return [path.rpartition("/")[2].partition(".")[0] for path in order]


def test_every_module_comes_once_and_after_what_it_needs() -> None:
    dependencies = parse_modules_dep(MODULES_DEP)
    order = load_order(dependencies, frozenset())

    assert all(order.index(need) < order.index(path) for path in order for need in dependencies[path])
    assert len(set(order)) == len(order)


def test_nothing_unwanted_is_loaded() -> None:
    order = names(load_order(parse_modules_dep(MODULES_DEP), frozenset()))

    assert sorted(order) == sorted(
        [
            "virtio_ring",
            "virtio",
            "virtio_mmio",
            "virtio_blk",
            "failover",
            "net_failover",
            "virtio_net",
            "virtio_console",
        ]
    )


def test_what_the_kernel_has_built_in_is_not_loaded() -> None:
    order = names(load_order(parse_modules_dep(MODULES_DEP), frozenset({"virtio_net"})))

    assert {"virtio_net", "net_failover"}.isdisjoint(order)


def test_a_kernel_without_a_needed_module_is_refused_by_the_modules_name() -> None:
    with pytest.raises(InfraError, match="virtio_console"):
        load_order(parse_modules_dep(MODULES_DEP.replace("virtio_console", "other")), frozenset())
