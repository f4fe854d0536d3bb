"""The VMM's command line, as a pure function.

A clone's command line must describe the same machine as its template's: the same devices in the same order
with the same names. That is why one function writes both, and why `VERSION` is part of a template's key.
"""

from __future__ import annotations

from dataclasses import dataclass

from terraphim_runner.adapters.qemu.config import Accelerator

VERSION = 4  # raise when anything here changes what a saved device state means
AGENT_PORT = "org.terraphim.agent"
_MAILBOX_SET = 99
# A guest's flush need not reach this host's disk: if the host goes down, the VM is gone with it.
_CACHE = "discard=unmap,cache.direct=off,cache.no-flush=on"
# What user networking lets out is decided by where the VMM runs: see `egress`.
# A clone need not tell the network that it has moved: that would be the first thing it does.
_NETWORK = ("-device", "virtio-net-device,netdev=net,guest_announce=off")
# At a gate, which answers in everybody's name, the guest's name server is an address like any other. QEMU is told
# of another one, that nobody asks: else it would read for each question which name servers the host has, which it
# does not see. A forwarded port, which is no service's, has QEMU answer ARP for the address all the same.
_NAMES_AT_GATE = ",dns=10.0.2.4,guestfwd=tcp:10.0.2.3:1-null"
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

# qemu64 with ARAT, without which a guest has no timer but a tick of 4 ms that does not even stop when it is idle;
# with RDRAND, without which a boot waits for entropy; and what x86-64-v2 programs expect (NumPy's wheels
# refuse less). Not `max`: its erms and fsrm double the time of memory copies under TCG.
_CPU_MODELS = {
    Accelerator.TCG: "qemu64,+arat,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt",
    Accelerator.KVM: "host",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """The machine that a template and its clones are."""

    accelerator: Accelerator
    cpus: int
    memory_mib: int
    has_network: bool


@dataclass(frozen=True, slots=True)
class Memory:
    """Guest memory: a descriptor of a memory file."""

    fd: int
    is_shared: bool  # true: the guest's writes land in the file; false: copy on write


@dataclass(frozen=True, slots=True)
class Kernel:
    """What to load at power-on: descriptors, and the kernel's own command line."""

    kernel_fd: int
    initramfs_fd: int
    command_line: str


@dataclass(frozen=True, slots=True)
class Disks:
    """Descriptors of the root disk's layers, lowest first, and of the mailbox.

    The lowest layer is raw, the others are qcow2; only the last is written to.
    """

    layers: tuple[int, ...]
    mailbox: int


@dataclass(frozen=True, slots=True)
class Channels:
    """Descriptors of the VMM's ends of its two sockets."""

    qmp: int
    agent: int


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything one VMM process is given."""

    shape: Shape
    memory: Memory
    kernel: Kernel
    disks: Disks
    channels: Channels
    is_clone: bool = False  # waits for a saved device state instead of powering on
    is_gated: bool = False  # its network is a gate that answers in everybody's name


def kernel_command_line(tsc_khz: int, accelerator: Accelerator) -> str:
    """Give the guest kernel's command line.

    The three TSC words keep boots from hanging in the calibration of the time stamp counter. `psi` and `lsm` leave
    out what would have a part in every switch and every system call, and has nothing to say here: how long
    processes wait for what, and security modules for which there are no rules.

    Emulated, programs are at the same addresses each time they are run: what was translated of them for one
    process serves the next, and a shell starts in a quarter of the time.
    """
    words = "norandmaps " if accelerator is Accelerator.TCG else ""
    return (
        f"console=ttyS0 quiet panic=-1 reboot=t rdinit=/init noautogroup psi=0 lsm=landlock,yama {words}"
        f"tsc_early_khz={tsc_khz} tsc=reliable no_timer_check cryptomgr.notests"
    )


def arguments(machine: Machine) -> list[str]:
    """Write the arguments of QEMU for `machine`."""
    return [
        *_board(machine.shape, machine.memory),
        *_boot(machine.kernel, is_clone=machine.is_clone),
        *_channels(machine.channels),
        *_disks(machine.disks),
        *(_network(is_gated=machine.is_gated) if machine.shape.has_network else ()),
        *("-sandbox", SANDBOX),
    ]


def _board(shape: Shape, memory: Memory) -> list[str]:
    share = "on" if memory.is_shared else "off"
    return [
        *("-M", "microvm,acpi=on,rtc=on,memory-backend=mem"),
        *("-accel", shape.accelerator.value, "-cpu", _CPU_MODELS[shape.accelerator]),
        *("-smp", str(shape.cpus), "-m", f"{shape.memory_mib}M"),
        "-object",
        f"memory-backend-file,id=mem,size={shape.memory_mib}M,mem-path={_path(memory.fd)},share={share}",
        *("-object", "main-loop,id=main-loop,thread-pool-max=16"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    ]


def _boot(kernel: Kernel, *, is_clone: bool) -> list[str]:
    return [
        *(
            "-kernel",
            _path(kernel.kernel_fd),
            "-initrd",
            _path(kernel.initramfs_fd),
            "-append",
            kernel.command_line,
        ),
        *(("-incoming", "defer") if is_clone else ()),
    ]


def _channels(channels: Channels) -> list[str]:
    return [
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=qmp,fd={channels.qmp}", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", f"socket,id=agent,fd={channels.agent}"),
        *("-device", "virtio-serial-device,id=serial,max_ports=4"),
        *("-device", f"virtserialport,bus=serial.0,chardev=agent,name={AGENT_PORT}"),
    ]


def _disks(disks: Disks) -> list[str]:
    *frozen, top = disks.layers
    words: list[str] = []
    for level, fd in enumerate(frozen):
        words += _layer(level, fd, read_only="on")
    words += _layer(len(frozen), top, read_only="off")
    words += ["-add-fd", f"fd={disks.mailbox},set={_MAILBOX_SET}"]
    words += ["-blockdev", f"driver=raw,node-name=mailbox,read-only=on,{_file(_MAILBOX_SET)}"]
    return [
        *words,
        # A full host disk must fail the guest's write, not stop the guest for good.
        *("-device", f"virtio-blk-device,drive=disk{len(frozen)},serial=root,werror=report,rerror=report"),
        *("-device", "virtio-blk-device,drive=mailbox,serial=mailbox"),
    ]


def _network(*, is_gated: bool) -> list[str]:
    return ["-netdev", f"user,id=net,ipv6=off{_NAMES_AT_GATE if is_gated else ''}", *_NETWORK]


def _layer(level: int, fd: int, *, read_only: str) -> list[str]:
    driver = "raw" if level == 0 else f"qcow2,backing=disk{level - 1}"
    return [
        *("-add-fd", f"fd={fd},set={level}"),
        *("-blockdev", f"driver={driver},node-name=disk{level},read-only={read_only},{_CACHE},{_file(level)}"),
    ]


def _file(fd_set: int) -> str:
    # No locks: base and template are shared, read-only, and overlays are nobody else's.
    return f"file.driver=file,file.locking=off,file.filename=/dev/fdset/{fd_set}"


def _path(fd: int) -> str:
    return f"/proc/self/fd/{fd}"
