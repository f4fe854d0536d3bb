"""The one port that stands for virtual machines.

Call order, for every provider:

    async with provider:                       # owns every task and process it starts
        allocation = await provider.allocate(request)
        vm = allocation.vm
        async with vm.exec(command) as execution:
            async for stream, data in execution: ...
            status = await execution.wait()
        await provider.release(vm.id)          # idempotent

`allocate` has one caller in the code base: `SessionManager.create_session`. A test keeps it so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Collection, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path
    from types import TracebackType

    from terraphim_runner.domain.ident import StepPlace, VmId
    from terraphim_runner.domain.vm_type import VmType


class AllocationSource(Enum):
    """Where a VM came from, cheapest first."""

    WARM = "warm"  # restored ahead of time, waiting in the pool
    RESTORED = "restored"  # cloned from the template for this request
    BOOTED = "booted"  # booted for this request


class Stream(IntEnum):
    """Which output of a command."""

    STDOUT = 1
    STDERR = 2


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute in a VM."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # complete: the command inherits nothing else
    cwd: str = "/"
    user: str = "root"  # a name the guest knows; the provider `process` runs everything as the runner's own user
    has_stdin: bool = False  # false: standard input is empty
    # Small files written just before the command starts and read just after it ended, so that a step costs one
    # round trip. Absolute paths; parents are created; owned by `user`, mode 0644. Together at most 4 MiB.
    files: Mapping[str, bytes] = field(default_factory=dict)
    read_back: tuple[str, ...] = ()
    origin: StepPlace | None = None  # whose it is, for traces; the guest is not told


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended: exactly one of the two is set."""

    code: int | None = None
    signal: int | None = None

    @property
    def is_success(self) -> bool:
        """True only for a real exit with code 0; a missing code is never success."""
        return self.code == 0

    @property
    def shell_code(self) -> int:
        """Give the code a shell would show: 128 plus the signal's number for a death by signal."""
        if self.code is not None:
            return self.code
        return 128 + (self.signal or 0)


@dataclass(frozen=True, slots=True)
class Tree:
    """Files to ship: paths relative to `root`, as git prints them, files and symbolic links only.

    `extra` adds whole directories that lie elsewhere on this machine, empty directories included: `.git` of a
    temporary directory, an empty directory for a submodule. Its keys are paths in the tree that are neither in
    `paths` nor above or below each other; a key may have parents that `paths` does not name.
    A path that is not UTF-8 is written with surrogate escapes, as `os.fsdecode` does.
    """

    root: Path
    paths: Sequence[str]
    extra: Mapping[str, Path] = field(default_factory=dict)
    is_passing: bool = False  # shipped here and there, once: a way that only one tree can take is for another


@dataclass(frozen=True, slots=True)
class TreePlacement:
    """Where a tree goes in the guest and whose it will be."""

    path: str  # absolute; created if missing; must be empty
    user: str = "root"


class Execution(Protocol):
    """A command that was started in a VM.

    Iterate to get its output as it is produced: `(stream, data)` in the order the guest read it, until both
    streams are closed. Not reading is back-pressure: the command blocks when its pipe is full, and memory here
    stays bounded. One reader at a time.
    """

    def __aiter__(self) -> AsyncIterator[tuple[Stream, bytes]]:
        """Iterate over the output. Ends at the end of both streams.

        A process that the command left behind may hold them open: then they end a few seconds after the command
        did, as they do on GitHub, with everything that was written until then.

        Raises:
            MachineLost: the VM went away.
        """
        ...

    async def wait(self) -> ExitStatus:
        """Wait for the command to end; may be called again. Unread output is kept back, not lost.

        Raises:
            MachineLost: the VM went away before the status was known. There is no made-up status.
        """
        ...

    async def read_back(self) -> Mapping[str, bytes]:
        """Wait for the end and give the content of `Command.read_back`; empty and missing files are left out.

        Raises:
            FileTransferFailed: the files are larger than 4 MiB together.
            MachineLost: as `wait`.
        """
        ...

    async def signal(self, number: int) -> None:
        """Send a signal to every process of the command's tree, those that left its session included.

        Does nothing when the command has ended.
        """
        ...

    async def write_stdin(self, data: bytes) -> None:
        """Write to standard input; waits while the guest's buffer is full. Needs `Command.has_stdin`."""
        ...

    async def close_stdin(self) -> None:
        """Close standard input; may be called again."""
        ...


@dataclass(frozen=True, slots=True)
class RootSpec:
    """A pristine root for one job: what to call it, and what its processes may take of the VM together.

    A limit that is not given is what the machine can bear. Of the processor each root gets a fair share. Of the
    disk each gets one of as many equal parts as the VM has CPUs, since no more jobs than that run at once; of the
    memory, where no limit is given, one of `sharers` parts. While no more memory is promised than there is, a
    root that wants too much loses only processes of its own.
    """

    name: str  # unique among the VM's roots that are open: letters, digits, `-`, `_`, `.`; at most 60
    memory_mib: int | None = None  # above it the job's own processes are killed for want of memory
    processes: int | None = None  # above it the job's forks fail
    sharers: int = 1  # how many roots there may be at once while this one is open, itself included


class Limit(Enum):
    """What a root has only so much of."""

    MEMORY = "memory"
    PROCESSES = "processes"
    DISK = "disk"


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit that the processes of a root have met."""

    limit: Limit
    allowed: int  # MiB, or processes
    count: int = 0  # processes killed for want of memory; forks refused
    sharers: int = 1  # of the memory: what was allowed is one of so many equal parts

    def __str__(self) -> str:
        """Say it to the job's author."""
        match self.limit:
            case Limit.MEMORY:
                killed = "1 process was" if self.count == 1 else f"{self.count} processes were"
                share = f", its share while {self.sharers} jobs may run at once" if self.sharers > 1 else ""
                return f"out of memory: {killed} killed at the job's limit of {self.allowed} MiB{share}"
            case Limit.PROCESSES:
                return f"too many processes: the job's limit of {self.allowed} was reached"
            case Limit.DISK:
                return f"disk full: the job has written all of its {self.allowed} MiB"


class Root(Protocol):
    """Where commands run and files are: the VM's own root, or one made for a job.

    Every method may be called concurrently with every other. Every method raises `MachineLost` when the VM is
    gone, and `GuestError` when the guest answers nonsense.
    """

    @property
    def work_root(self) -> str:
        """Where workspaces go: an absolute directory in this root, made on the first use; constant.

        It is this root's own and no other's: with the provider `process` it lies in the VM's private directory.
        """
        ...

    @property
    def scratch_root(self) -> str:
        """Where small files of the runner's own go: an absolute directory in this root; constant.

        It is made on the first use. In a job's root of a VM it is in memory: that is cheap under emulation, and a
        full disk keeps no step from starting.
        """
        ...

    @property
    def environment(self) -> Mapping[str, str]:
        """What every command of a workflow needs in its environment here: PATH, locale, proxies, CA bundles.

        `TERRAPHIM_EXTERNALS` is where Node.js for actions is: `node20/bin/node`, `node24/bin/node` below it.
        In a VM it is the image's /etc/environment, and HOME and USER of the user `runner`; with the provider
        `process` it is the part of the runner's own that is no secret. A `Command` gets it only if the caller
        puts it there.
        """
        ...

    def exec(self, command: Command) -> AbstractAsyncContextManager[Execution]:
        """Start a command. Leaving the context kills what is left of the command's whole process tree.

        Raises (on entering):
            CommandNotStarted: no such program, directory or user; the VM is fine.
        """
        ...

    async def put_file(
        self, path: str, chunks: AsyncIterable[bytes], *, mode: int = 0o644, user: str = "root"
    ) -> None:
        """Write a file whole or not at all; parents are created.

        Raises:
            FileTransferFailed: the guest could not write it (no space, no permission); the VM is fine.
        """
        ...

    async def make_directories(self, paths: Sequence[str], *, user: str = "root") -> None:
        """Make directories in this order, and what is missing above them, all of it the user's; no process runs.

        Raises:
            FileTransferFailed: one is there already with something in it, cannot be made, or there is no such
                user; others may have been made. The VM is fine.
        """
        ...

    def get_file(self, path: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Read a file as a stream.

        Raises:
            FileTransferFailed: the guest could not read it; the VM is fine.
        """
        ...

    async def put_tree(self, tree: Tree, placement: TreePlacement) -> None:
        """Ship a work tree, modes and symbolic links included, by the provider's fastest way.

        The same object shipped again means the same files as the first time: a provider may have kept them.

        Raises:
            FileTransferFailed: a listed file is gone, or the guest has no room; the VM is fine.
        """
        ...

    async def get_tree(self, path: str, destination: Path) -> None:
        """Bring a directory of the guest into `destination`, which must not exist.

        Nothing is written outside `destination`, whatever the guest answers.

        Raises:
            FileTransferFailed: the guest could not read it; the VM is fine.
        """
        ...

    async def breaches(self) -> Sequence[Breach]:
        """Tell which limits its processes have met so far: why a step may have failed that does not say it.

        A disk counts as long as it is full. The machine's own root, and the provider `process`, have no limits.
        """
        ...


class Vm(Root, Protocol):
    """A running VM. As a `Root` it is the machine's own root, which jobs do not get to change."""

    @property
    def id(self) -> VmId:
        """Which VM this is; constant."""
        ...

    def open_root(self, spec: RootSpec) -> AbstractAsyncContextManager[Root]:
        """Make a root for one job; leaving the context kills everything in it and removes it.

        It starts as the image is: what other jobs wrote, installed or left running is not in it, and what is done
        in it is seen by no other. The provider `process` has no such thing: its roots differ only in `work_root`.

        Raises (on entering):
            InfraError: it could not be made.
        """
        ...


@dataclass(frozen=True, slots=True)
class SlotWish:
    """Which slot a VM should get, where that can be had."""

    prefer: int | None = None  # taken unless another process has it
    avoid: Collection[int] = ()  # never taken; may grow until the slot is taken


@dataclass(frozen=True, slots=True)
class AllocationRequest:
    """What a session asks of a provider."""

    vm_type: VmType
    holder: str = ""  # who will have it, for people: a run's id
    wish: SlotWish = SlotWish()


@dataclass(frozen=True, slots=True)
class Allocation:
    """A VM, and the evidence of how it was obtained."""

    vm: Vm
    source: AllocationSource
    is_reused_slot: bool  # an earlier VM occupied this slot; this one is a fresh generation of it
    duration_s: float  # measured, from the request to an agent that answers


class VmProvider(Protocol):
    """Allocates and releases VMs. An async context manager; leaving it releases everything it still holds.

    Safe for concurrent use. A cancelled `allocate` leaves nothing behind. No VM outlives the process that
    allocated it, `kill -9` included.
    """

    @property
    def name(self) -> str:
        """`qemu`, `process`, `memory`: what the user types."""
        ...

    async def __aenter__(self) -> Self:
        """Get ready: check the host, start what is shared."""
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release every VM still held."""
        ...

    async def allocate(self, request: AllocationRequest) -> Allocation:
        """Obtain a VM that nobody else holds, fresh from its template, with an agent that answers.

        Raises:
            HostError: this machine cannot run it (no QEMU, no image, no disk space), with the remedy.
            InfraError: it should have worked and did not (BootTimeout, RestoreFailed).
        """
        ...

    async def release(self, vm_id: VmId) -> None:
        """Destroy a VM and free its slot; when this returns no process, socket, file or mount of it is left.

        Idempotent: an id that is not in use, or was a dead process's, is cleaned up and is no error. An id whose
        slot is in use by a newer generation is left alone.

        Raises:
            InfraError: it could not be destroyed; call again.
        """
        ...

    async def held_vms(self) -> Sequence[VmId]:
        """List the VMs this provider object holds now."""
        ...
