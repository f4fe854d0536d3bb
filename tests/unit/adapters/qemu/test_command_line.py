"""The VMM's command line."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from terraphim_runner.adapters.qemu.command_line import (
    Channels,
    Disks,
    Kernel,
    Machine,
    Memory,
    Shape,
    arguments,
    kernel_command_line,
)
from terraphim_runner.adapters.qemu.config import Accelerator

TEMPLATE = Machine(
    Shape(Accelerator.TCG, 2, 1024, True),
    Memory(10, is_shared=True),
    Kernel(11, 12, kernel_command_line(2_596_120, Accelerator.TCG)),
    Disks((13, 14), 15),
    Channels(16, 17),
)
CLONE = replace(TEMPLATE, memory=Memory(20, is_shared=False), disks=Disks((21, 22, 23), 24), is_clone=True)


def devices(words: list[str]) -> list[str]:
    return [value for option, value in pairwise(words) if option in {"-device", "-netdev", "-M"}]


def value_of(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_clone_is_the_same_machine_as_its_template() -> None:
    """Same devices, same order, same names; but for the node its root disk is on top of."""
    template = [device.replace("drive=disk1", "drive=root") for device in devices(arguments(TEMPLATE))]
    clone = [device.replace("drive=disk2", "drive=root") for device in devices(arguments(CLONE))]

    assert clone == template


def test_at_a_gate_user_networking_does_not_look_for_the_hosts_name_servers() -> None:
    """It would read a file that it does not see. The device, which is in the template, stays as it is."""
    gated = replace(CLONE, is_gated=True)

    assert value_of(arguments(CLONE), "-netdev") == "user,id=net,ipv6=off"
    assert "dns=10.0.2.4" in value_of(arguments(gated), "-netdev")
    assert [word for word in devices(arguments(gated)) if not word.startswith("user")] == [
        word for word in devices(arguments(CLONE)) if not word.startswith("user")
    ]


def test_a_template_shares_its_memory_and_a_clone_does_not() -> None:
    """The one is written to the file, the other copied on write."""
    assert "mem-path=/proc/self/fd/10,share=on" in value_of(arguments(TEMPLATE), "-object")
    assert "mem-path=/proc/self/fd/20,share=off" in value_of(arguments(CLONE), "-object")


def test_only_a_clone_waits_for_a_device_state() -> None:
    """Who waits for one never boots."""
    assert "-incoming" not in arguments(TEMPLATE)
    assert value_of(arguments(CLONE), "-incoming") == "defer"


def test_a_guest_under_emulation_has_timers_and_no_tick() -> None:
    """Without ARAT the kernel does not trust the only timer there is, and ticks 250 times a second for ever."""
    assert "+arat" in value_of(arguments(TEMPLATE), "-cpu").split(",")


def test_a_clone_does_not_begin_with_telling_the_network_that_it_has_moved() -> None:
    """Nobody keeps a table of where it was."""
    assert "virtio-net-device,netdev=net,guest_announce=off" in devices(arguments(CLONE))


@pytest.mark.parametrize("machine", [TEMPLATE, CLONE])
def test_the_sandbox_denies_all_it_can(machine: Machine) -> None:
    """Nothing here may loosen it."""
    denied = value_of(arguments(machine), "-sandbox")

    assert denied == "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


def test_the_guards_against_the_boot_hang_are_there() -> None:
    """Trap: without them, boots hang in the calibration of the time stamp counter."""
    words = value_of(arguments(TEMPLATE), "-append").split()

    assert {"tsc_early_khz=2596120", "tsc=reliable", "no_timer_check"} <= set(words)


@pytest.mark.parametrize("machine", [TEMPLATE, CLONE])
def test_only_the_top_of_the_root_disk_can_be_written(machine: Machine) -> None:
    """The layers below are other VMs' too, and the mailbox is the host's to write."""
    words = arguments(machine)
    nodes = [value for option, value in pairwise(words) if option == "-blockdev"]
    writable = [node.split("node-name=")[1].split(",")[0] for node in nodes if "read-only=off" in node]

    assert writable == [f"disk{len(machine.disks.layers) - 1}"]


def test_without_a_network_there_is_no_network_device() -> None:
    """Not one that is connected to nothing."""
    words = arguments(replace(TEMPLATE, shape=replace(TEMPLATE.shape, has_network=False)))

    assert not any("net" in word for word in devices(words))


def test_no_file_of_the_host_is_named() -> None:
    """Everything is handed over by descriptor: the VMM's user may not be able to reach any path."""
    paths = [
        word for word in " ".join(arguments(CLONE)).replace("=", " ").replace(",", " ").split() if "/" in word
    ]

    assert all(path.startswith(("/proc/self/fd/", "/dev/fdset/", "/init")) for path in paths)


def test_a_full_host_disk_fails_the_write_and_does_not_stop_the_guest() -> None:
    """QEMU's own default is to stop it, which looks like a hang."""
    (root,) = [device for device in devices(arguments(CLONE)) if "serial=root" in device]

    assert "werror=report" in root


def test_the_kernel_leaves_out_what_every_switch_and_call_would_pay_for() -> None:
    """And nothing that confines: Landlock and Yama are there."""
    assert {"psi=0", "lsm=landlock,yama"} <= set(kernel_command_line(2_596_120, Accelerator.TCG).split())


def test_programs_are_at_the_same_addresses_only_where_they_are_translated() -> None:
    """Under KVM there is nothing to gain by it."""
    words = {each: kernel_command_line(2_596_120, each).split() for each in Accelerator}

    assert "norandmaps" in words[Accelerator.TCG]
    assert "norandmaps" not in words[Accelerator.KVM]
