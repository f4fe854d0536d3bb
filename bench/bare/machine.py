"""A bare QEMU process and its two sockets."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORT_NAME = "org.terraphim.agent"
_TIMEOUT_S = 60.0
_CPU_MODELS = {"tcg": "qemu64,+rdrand", "kvm": "host"}


@dataclass(frozen=True, slots=True)
class BareShape:
    """The machine, the same as the product's VM type."""

    cpus: int
    memory_mib: int
    kernel: Path
    initramfs: Path
    accelerator: str = "tcg"
    has_network: bool = True


@dataclass(frozen=True, slots=True)
class BareDisks:
    """The root disk's qcow2 file and the raw mailbox."""

    root: Path
    mailbox: Path


@dataclass(frozen=True, slots=True)
class BareMemory:
    """A memory file instead of QEMU's own memory."""

    fd: int
    is_shared: bool


class BareMachine:
    """A running QEMU: a line-wise conversation with the stand-in, and QMP."""

    def __init__(self, process: subprocess.Popen[bytes], port: socket.socket, qmp: socket.socket) -> None:
        """Use `start`."""
        self.process = process
        self.port = port
        self._qmp = qmp
        self._replies = qmp.makefile("rb")

    def read_line(self) -> bytes:
        """Give the stand-in's next line."""
        line = b""
        while not line.endswith(b"\n"):
            piece = self.port.recv(1024)
            if not piece:
                raise RuntimeError(f"the bare machine is gone, exit status {self.process.wait()}")
            line += piece
        return line

    def ask(self, words: str) -> bytes:
        """Send a line, give the answering one."""
        self.port.sendall(f"{words}\n".encode())
        return self.read_line()

    def greet_qmp(self) -> None:
        """Take QMP's greeting and leave its negotiation mode."""
        self._replies.readline()
        self.ask_qmp("qmp_capabilities")

    def ask_qmp(self, command: str, fd: int | None = None, **arguments: Any) -> dict[str, Any]:
        """Give the answer to a QMP command, events left out."""
        data = json.dumps({"execute": command, "arguments": arguments}).encode()
        socket.send_fds(self._qmp, [data], [] if fd is None else [fd])
        while "event" in (reply := json.loads(self._replies.readline())):
            pass
        if "error" in reply:
            raise RuntimeError(f"QMP {command}: {reply['error']}")
        return dict(reply)

    def wait_event(self, name: str, **data: str) -> None:
        """Wait for a QMP event with this data."""
        while True:
            event = json.loads(self._replies.readline())
            if event.get("event") == name and data.items() <= event["data"].items():
                return

    def close(self) -> None:
        """Kill it; nothing is left."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._replies.close()
        self._qmp.close()
        self.port.close()


@contextmanager
def start(
    shape: BareShape,
    disks: BareDisks,
    memory: BareMemory | None = None,
    *,
    is_clone: bool = False,
    fds: Sequence[int] = (),
) -> Iterator[BareMachine]:
    """Start QEMU, which inherits `fds` too; kill it at the end of the context."""
    with ExitStack() as stack:
        port, qemu_port = socket.socketpair()
        qmp, qemu_qmp = socket.socketpair()
        stack.enter_context(qemu_port)
        stack.enter_context(qemu_qmp)
        command = _arguments(shape, disks, memory, (qemu_port.fileno(), qemu_qmp.fileno()))
        process = subprocess.Popen(
            [*command, *(("-incoming", "defer") if is_clone else ())],
            pass_fds=[qemu_port.fileno(), qemu_qmp.fileno(), *([] if memory is None else [memory.fd]), *fds],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for each in (port, qmp):
            each.settimeout(_TIMEOUT_S)
        machine = BareMachine(process, port, qmp)
        stack.callback(machine.close)
        yield machine


def overlay(path: Path, backing: Path, size: int) -> Path:
    """Make a qcow2 overlay."""
    kind = "qcow2" if backing.suffix == ".qcow2" else "raw"
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", kind, "-b", str(backing), str(path), str(size)]
    subprocess.run(command, check=True)
    return path


def empty_disk(path: Path, size: int) -> Path:
    """Make a sparse raw disk."""
    with path.open("wb") as file:
        os.truncate(file.fileno(), size)
    return path


def _arguments(
    shape: BareShape, disks: BareDisks, memory: BareMemory | None, sockets: tuple[int, int]
) -> list[str]:
    port, qmp = sockets
    return [
        *("qemu-system-x86_64", *_board(shape, memory)),
        *("-kernel", str(shape.kernel), "-initrd", str(shape.initramfs), "-append", _kernel_words()),
        *("-chardev", f"socket,id=qmp,fd={qmp}", "-mon", "chardev=qmp,mode=control"),
        *("-chardev", f"socket,id=port,fd={port}", "-device", "virtio-serial-device"),
        *("-device", f"virtserialport,chardev=port,name={PORT_NAME}"),
        *("-drive", f"if=none,id=root,format=qcow2,file={disks.root}"),
        *("-device", "virtio-blk-device,drive=root,serial=root"),
        *("-drive", f"if=none,id=mailbox,format=raw,read-only=on,file.locking=off,file.filename={disks.mailbox}"),
        *("-device", "virtio-blk-device,drive=mailbox,serial=mailbox"),
        *(("-netdev", "user,id=net", "-device", "virtio-net-device,netdev=net") if shape.has_network else ()),
    ]


def _board(shape: BareShape, memory: BareMemory | None) -> list[str]:
    machine = "microvm,acpi=on,rtc=on"
    backend: list[str] = []
    if memory is not None:
        machine += ",memory-backend=mem"
        share = "on" if memory.is_shared else "off"
        path = f"/proc/self/fd/{memory.fd}"
        backend = ["-object", f"memory-backend-file,id=mem,size={shape.memory_mib}M,mem-path={path},share={share}"]
    return [
        *("-M", machine, "-accel", shape.accelerator, "-cpu", _CPU_MODELS[shape.accelerator], *backend),
        *("-smp", str(shape.cpus), "-m", f"{shape.memory_mib}M", "-serial", "null"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
    ]


def _kernel_words() -> str:
    bogomips = re.search(r"^bogomips\s*:\s*([0-9.]+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    khz = round(float(bogomips[1]) * 500) if bogomips else 2_000_000
    return (
        "console=ttyS0 quiet panic=-1 reboot=t rdinit=/init "
        f"tsc_early_khz={khz} tsc=reliable no_timer_check cryptomgr.notests"
    )
