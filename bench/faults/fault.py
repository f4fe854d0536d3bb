"""What can go wrong in a run, how it is brought about, and which endings are then plausible."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from enum import Enum

_BAD_GUEST = 69  # the machinery failed, not the workflow
_INTERRUPTED = 130


class Act(Enum):
    """What is done to the run from outside, at a random moment."""

    NOTHING = "nothing"
    KILL_VMM = "kill -9 of the VMM"
    KILL_RUNNER = "kill -9 of the runner"
    INTERRUPT = "Ctrl-C"
    INTERRUPT_TWICE = "Ctrl-C twice"
    TERMINATE = "SIGTERM"


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: its verdict, or none if it could not say; the runner's exit status."""

    conclusion: str | None
    status: int


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault."""

    name: str
    endings: frozenset[Ending]
    script: str = "sleep 300"  # the step at fault; with an act from outside it just takes long
    act: Act = Act.NOTHING
    has_no_template: bool = False  # the run has to make one first
    weight: int = 1


def _failure(*statuses: int) -> frozenset[Ending]:
    return frozenset(Ending("failure", status) for status in statuses)


def _stopped(number: int) -> frozenset[Ending]:
    # A signal that meets the interpreter before our code has begun, or after it has ended, ends it as any process.
    statuses = (_INTERRUPTED, -number)
    return frozenset(Ending(conclusion, status) for conclusion in ("cancelled", None) for status in statuses)


_KILL_AGENT = """sudo python3 - <<'END'
maps = [line.split() for line in open("/proc/1/maps") if " r-xp " in line]
start, end = (int(edge, 16) for edge in maps[0][0].split("-"))
with open("/proc/1/mem", "r+b", buffering=0) as memory:
    memory.seek(start)
    memory.write(b"\\xcc" * min(end - start, 8 << 20))
END
sleep 20
"""

# The port can be opened once only, and the agent has it; pidfd_getfd copies the agent's descriptor.
_WRITE_TO_PORT = """sudo python3 - <<'END'
import ctypes, os, random, struct, zlib
call = ctypes.CDLL(None, use_errno=True).syscall
[number] = [fd for fd in os.listdir("/proc/1/fd") if "vport" in os.readlink(f"/proc/1/fd/{{fd}}")]
port = call(438, os.pidfd_open(1), int(number), 0)
{write}
END
sleep 1
exit 3
"""
_NOISE = _WRITE_TO_PORT.format(write="os.write(port, random.randbytes(4096))")
_FORGED_FRAME = _WRITE_TO_PORT.format(
    write="""header = struct.pack(">4sBBIIII", b"\\xd7TR\\x1a", 1, 250, 0, 0, 0, 0)
os.write(port, header + struct.pack(">I", zlib.crc32(header)))"""
)

_FORK_BOMB = """bomb() { bomb | bomb & }
bomb
sleep 300
"""

FAULTS = (
    Fault("none", frozenset({Ending("success", 0)}), script="true"),
    Fault("step fails", _failure(1), script="exit 7"),
    Fault("step kills itself", _failure(1), script="kill -9 $$"),
    Fault("step kills everything", _failure(1, _BAD_GUEST), script="sudo kill -9 -1; sleep 20"),
    # a job's root has its own processes only: the agent is not among them, and the step runs out of time
    Fault("agent killed", _failure(1, _BAD_GUEST), script=_KILL_AGENT, weight=2),
    Fault("guest kernel panics", _failure(_BAD_GUEST), script="echo c | sudo tee /proc/sysrq-trigger; sleep 20"),
    Fault("noise on the wire", _failure(1, _BAD_GUEST), script=_NOISE),
    # a job's root has no such device: there the step fails, and no frame is forged
    Fault("forged frame on the wire", _failure(1, _BAD_GUEST), script=_FORGED_FRAME),
    Fault(
        "full disk in the guest",
        _failure(1, _BAD_GUEST),
        script="sudo dd if=/dev/zero of=/var/tmp/filler bs=1M status=none",
        weight=2,
    ),
    Fault("fork bomb in the guest", _failure(1, _BAD_GUEST), script=_FORK_BOMB, weight=2),
    Fault("out of memory in the guest", _failure(1, _BAD_GUEST), script='python3 -c "x = [bytes(1 << 28) * 8]"'),
    Fault("VMM killed", _failure(_BAD_GUEST), act=Act.KILL_VMM, weight=3),
    Fault("runner killed", frozenset({Ending(None, -signal.SIGKILL)}), act=Act.KILL_RUNNER, weight=4),
    Fault(
        "runner killed while it makes a template",
        frozenset({Ending(None, -signal.SIGKILL)}),
        act=Act.KILL_RUNNER,
        has_no_template=True,
    ),
    Fault("Ctrl-C", _stopped(signal.SIGINT), act=Act.INTERRUPT, weight=3),
    Fault("Ctrl-C twice", _stopped(signal.SIGINT), act=Act.INTERRUPT_TWICE, weight=2),
    Fault("Ctrl-C while it makes a template", _stopped(signal.SIGINT), act=Act.INTERRUPT, has_no_template=True),
    Fault("SIGTERM", _stopped(signal.SIGTERM), act=Act.TERMINATE),
)


def workflow_text(fault: Fault) -> str:
    """Give a workflow that does a little, then meets the fault, then tries to go on."""
    script = "".join(f"          {line}\n" for line in fault.script.splitlines())
    return (
        "on: push\njobs:\n  job:\n    runs-on: self-hosted\n    steps:\n"
        "      - uses: actions/checkout@v4\n"
        "      - run: git log --oneline && seq 1000\n"
        f"      - run: |\n{script}        timeout-minutes: 0.3\n"
        "      - run: echo cleaning up\n        if: always()\n"
    )
