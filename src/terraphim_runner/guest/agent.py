"""The agent: reads the host's messages, does what they ask, never gives up."""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # `signal` costs 4 ms at boot, for `enum`
import os
import sys
from time import monotonic

from terraphim_runner.guest.account import find_account
from terraphim_runner.guest.activity import Activity, describe
from terraphim_runner.guest.execution import Execution
from terraphim_runner.guest.file_transfer import Download, Upload, make_empty_directory
from terraphim_runner.guest.kernel import become_subreaper, set_parent_death_signal
from terraphim_runner.guest.loop import Loop
from terraphim_runner.guest.place import Place
from terraphim_runner.guest.port import Port, open_virtio_port
from terraphim_runner.guest.process_table import find_descendants, send_signal
from terraphim_runner.guest.process_tree import CgroupTree, SupervisedTree, can_use_cgroups, make_joining_cheap
from terraphim_runner.wire.connection import NEWEST_VERSION, OLDEST_VERSION, Connection, choose_version
from terraphim_runner.wire.error import WireError
from terraphim_runner.wire.message import (
    Close,
    Closed,
    Credit,
    Data,
    Done,
    End,
    Exec,
    Failed,
    Fault,
    GetFile,
    Hello,
    MakeDirectory,
    Measure,
    MountMailbox,
    OpenRoot,
    Personalize,
    Ping,
    Pong,
    PowerOff,
    PrepareRoots,
    PutFile,
    Ready,
    ReleaseMailbox,
    Signal,
    Sync,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from terraphim_runner.guest.account import Account
    from terraphim_runner.guest.job_root import JobRoot
    from terraphim_runner.guest.mailbox import Mailbox
    from terraphim_runner.guest.process_tree import ProcessTree
    from terraphim_runner.wire.message import Message

VERSION = "0.1.0"

_FAREWELL_S = 5.0


class Agent:
    """Serves one host at a time; a new Hello, or the end of the stream, ends everything the last one started."""

    _machine: ModuleType | None = None

    def __init__(self, fd: int, *, is_machine: bool) -> None:
        """Take the stream to the host.

        `is_machine`: this is PID 1, the machine is its to change and outlives the host's connection. Otherwise
        commands and files are this process's user's, whatever the host asks for, and the host's end is its end.
        """
        self._is_machine = is_machine
        self._loop = Loop(self._take_error)
        self._port = Port(self._loop, fd, on_bytes=self._take_bytes, on_hang_up=self._take_hang_up)
        self._connection = Connection(Hello)
        self._activities: dict[int, Activity] = {}
        self._mailbox: Mailbox | None = None
        self._has_cgroups: bool | None = None
        self._own_place = Place()
        self._roots: dict[str, JobRoot] = {}
        self._boot_id = _read_boot_id()
        self._spares: list[JobRoot] = []
        self._roots_made = 0
        self._handlers = self._all_handlers()
        self._requests = self._all_requests()

    def _all_handlers(self) -> dict[type[Message], Callable[[Any], None]]:
        return {
            Hello: self._greet,
            Exec: self._execute,
            Close: self._close,
            PutFile: self._put_file,
            GetFile: self._get_file,
            Measure: self._measure,
            Ping: lambda message: self._send(Pong(message.channel)),
            Data: lambda message: self._activity(message).take_data(message.content),
            End: lambda message: self._activity(message).take_end(),
            Credit: lambda message: self._activity(message).take_credit(message.size),
            Signal: lambda message: self._activity(message).take_signal(message.number),
        }

    def _all_requests(self) -> dict[type[Message], Callable[[Any], object]]:
        """Give those that are answered when they are done."""
        return {
            MakeDirectory: self._make_directory,
            MountMailbox: self._mount_mailbox,
            ReleaseMailbox: self._release_mailbox,
            Personalize: self._personalize,
            OpenRoot: self._open_root,
            PrepareRoots: self._prepare_roots,
            Sync: lambda _: os.sync(),
            PowerOff: self._power_off,
        }

    def run(self) -> None:
        """Serve until the host is gone; as a machine, for ever."""
        self._loop.run()
        deadline = self._loop.call_later(_FAREWELL_S, lambda: None)
        while self._loop.has_children and monotonic() < deadline.due:
            self._loop.turn()

    def leave(self) -> None:
        """End everything, and `run`; safe to call from a signal handler."""
        self._loop.call_soon(self._take_hang_up)

    # ------------------------------------------------------------ the stream
    def _send(self, message: Message) -> None:
        self._port.write(self._connection.send(message))

    def _take_bytes(self, data: bytes) -> None:
        try:
            for message in self._connection.receive(data):
                self._take_message(message)
        except Exception as exc:  # here, for the port must be read on: it reports what is there only once
            self._take_error(exc)

    def _take_message(self, message: Message) -> None:
        request = self._requests.get(type(message))
        if request is not None:
            self._do(request, message)
            return
        handler = self._handlers.get(type(message))
        if handler is None:
            raise WireError(f"{type(message).__name__} is not for a guest")
        handler(message)

    def _do(self, request: Callable[[Any], object], message: Message) -> None:
        try:
            request(message)
        except (OSError, ValueError, LookupError) as exc:
            self._fail(message, exc)
        else:
            self._send(Done(message.channel))

    def _take_hang_up(self) -> None:
        """Learn that a host went away; on a virtio-serial port perhaps later than the next one's first message.

        So a machine ends nothing here. The next Hello does, whenever it was sent.
        """
        if self._is_machine:
            self._connection.drop_fragment()
        else:
            self._end_activities()
            self._loop.is_running = False

    def _take_error(self, error: Exception) -> None:
        """Tell host and console of what should not happen, and await a new Hello; the agent itself goes on."""
        text = f"{type(error).__name__}: {error}"
        os.write(2, f"terraphim-runner agent: {text}\n".encode("utf-8", "replace"))
        self._end_activities()
        self._send(Fault(0, text[:1000].encode("utf-8", "replace").decode()))
        self._connection.reset()

    def _end_activities(self) -> None:
        activities, self._activities = self._activities, {}
        self._roots = {}
        for activity in activities.values():
            activity.close(lambda: None)

    def _greet(self, message: Hello) -> None:
        self._end_activities()
        self._port.drop()
        version = choose_version(message.oldest, message.newest)
        self._send(
            Ready(
                0,
                version=version,
                oldest=OLDEST_VERSION,
                newest=NEWEST_VERSION,
                nonce=message.nonce,
                agent=VERSION,
                pid=os.getpid(),
                boot_id=self._boot_id,
                python=sys.version.partition(" ")[0],
            )
        )

    # ------------------------------------------------------------ activities
    def _activity(self, message: Message) -> Activity:
        return self._activities.get(message.channel, _NOTHING)

    def _close(self, message: Close) -> None:
        closed = Closed(message.channel)
        activity = self._activities.pop(message.channel, _NOTHING)
        self._forget_root(activity)
        activity.close(lambda: self._send(closed))

    def _forget_root(self, activity: Activity) -> None:
        self._roots = {name: root for name, root in self._roots.items() if root is not activity}

    def _open_root(self, message: OpenRoot) -> None:
        if message.name in self._roots:
            raise FileExistsError(17, "a root of this name is open", message.name)
        root = self._spares.pop() if self._spares else self._make_root()
        self._roots[message.name] = self._activities[message.channel] = root
        root.admit(message)

    def _prepare_roots(self, message: PrepareRoots) -> None:
        while len(self._spares) < message.count:
            self._spares.append(self._make_root())

    def _make_root(self) -> JobRoot:
        from terraphim_runner.guest.job_root import JobRoot  # noqa: PLC0415 - late, not needed at boot

        self._check_machine()
        self._check_cgroups()
        self._roots_made += 1
        return JobRoot(self._loop, f"root-{self._roots_made}")

    def _measure(self, message: Measure) -> None:
        try:
            self._send(self._root(message.root).measure(message))
        except OSError as exc:
            self._fail(message, exc)

    def _execute(self, message: Exec) -> None:
        execution = Execution(message, self._loop, self._port, self._send)
        try:
            account = self._find_account(message.user)
            place = self._find_place(message.root)
            execution.start(self._new_tree(place), place, account)
        except (OSError, ValueError, LookupError) as exc:
            self._fail(message, exc)
        else:
            self._activities[message.channel] = execution

    def _new_tree(self, place: Place) -> ProcessTree:
        if not self._is_machine:
            return SupervisedTree(self._loop)
        self._check_cgroups()
        return CgroupTree(self._loop, place)

    def _check_cgroups(self) -> None:
        if self._has_cgroups is None:
            self._has_cgroups = can_use_cgroups()
            if self._has_cgroups:
                make_joining_cheap()  # now, not at boot: it takes 10 ms, and `ctypes`
        if not self._has_cgroups:
            raise OSError(95, "there are no cgroups of version 2 here")

    def _find_place(self, root: str) -> Place:
        if not root:
            return self._own_place
        return self._root(root).place

    def _root(self, name: str) -> JobRoot:
        if name not in self._roots:
            raise FileNotFoundError(2, "no such root is open", name)
        return self._roots[name]

    def _find_account(self, name: str) -> Account | None:
        return find_account(name) if self._is_machine else None

    def _put_file(self, message: PutFile) -> None:
        try:
            account = self._find_account(message.user)
            place = self._find_place(message.root)
            self._activities[message.channel] = Upload(message, place, account, self._send_last)
        except (OSError, ValueError, LookupError) as exc:
            self._fail(message, exc)

    def _get_file(self, message: GetFile) -> None:
        try:
            download = Download(message, self._find_place(message.root), self._port, self._send_last)
        except (OSError, ValueError) as exc:
            self._fail(message, exc)
        else:
            self._activities[message.channel] = download
            download.start()

    def _send_last(self, message: Message) -> None:
        self._send(message)
        if isinstance(message, (Done, End, Failed)):
            self._activities.pop(message.channel, None)

    # ------------------------------------------------------------ requests that are done at once
    def _make_directory(self, message: MakeDirectory) -> None:
        account = self._find_account(message.user)
        with self._find_place(message.root):
            make_empty_directory(message.path, account)

    def _mount_mailbox(self, message: MountMailbox) -> None:
        account = self._find_account(message.user)
        self._own_mailbox().mount(message.serial, self._find_place(message.root), message.path, account)

    def _release_mailbox(self, _: ReleaseMailbox) -> None:
        self._own_mailbox().release()

    def _personalize(self, message: Personalize) -> None:
        self._check_machine()
        self._machine_module().personalize(message)

    def _machine_module(self) -> ModuleType:
        if self._machine is None:  # to import what is loaded is 300 blocks of code that is cold in a clone
            from terraphim_runner.guest import machine  # noqa: PLC0415 - late, not needed at boot

            self._machine = machine
        return self._machine

    def _power_off(self, _: PowerOff) -> None:
        self._check_machine()
        self._machine_module().turn_off()

    def _own_mailbox(self) -> Mailbox:
        from terraphim_runner.guest.mailbox import Mailbox  # noqa: PLC0415 - late, not needed at boot

        self._check_machine()
        self._mailbox = self._mailbox or Mailbox()
        return self._mailbox

    def _check_machine(self) -> None:
        if not self._is_machine:
            raise PermissionError(1, "this agent is a process on the host, not a machine")

    def _fail(self, message: Message, error: Exception) -> None:
        number = (error.errno or 0) if isinstance(error, OSError) else 0
        self._send(Failed(message.channel, number, describe(error)))


_NOTHING = Activity()


def _read_boot_id() -> str:
    try:
        fd = os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(fd, 64).decode("ascii").strip()
    finally:
        os.close(fd)


def main() -> None:
    """Be the agent: of a virtual machine as PID 1, or of one socket: `--fd NUMBER --parent PID`."""
    _make_streams_sure()
    _catch_ignored_signals()
    os.umask(0o022)
    options = dict(zip(sys.argv[1::2], sys.argv[2::2], strict=True))
    if "--fd" in options:
        _serve_socket(int(options["--fd"]), int(options["--parent"]))
    else:
        _prepare_machine()
        Agent(open_virtio_port(), is_machine=True).run()


def _serve_socket(fd: int, parent: int) -> None:
    become_subreaper()
    set_parent_death_signal(_signal.SIGTERM)
    if os.getppid() != parent:
        return  # it died before the line above
    os.set_inheritable(fd, False)
    agent = Agent(fd, is_machine=False)
    _signal.signal(_signal.SIGTERM, lambda *_: agent.leave())
    agent.run()
    _kill_descendants()


def _kill_descendants() -> None:
    """Kill what a supervisor that was killed itself has left behind."""
    while found := find_descendants(os.getpid()):
        allowed = [send_signal(process, _signal.SIGKILL) for process in found]
        if not any(allowed):
            return
        os.waitpid(-1, 0)


def _prepare_machine() -> None:
    """Come first when there is little processor; but never interrupt a command.

    PID 1 is not killed for want of memory, whatever its score; so its score can stay what commands are to have.
    As a batch task the agent gets its turn when a command blocks, ends or has had its share: under emulation every
    switch is dear, and a command that was interrupted at each line would be sent line by line. Commands give all
    this up again.
    """
    os.sched_setscheduler(0, os.SCHED_BATCH | os.SCHED_RESET_ON_FORK, os.sched_param(0))
    os.setpriority(os.PRIO_PROCESS, 0, -20)


def _make_streams_sure() -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    while null <= 2:
        os.set_inheritable(null, True)
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    os.close(null)


def _catch_ignored_signals() -> None:
    """Catch what is ignored, so that exec resets it in commands; block nothing."""
    for number in range(1, _signal.NSIG):
        try:
            if _signal.getsignal(number) == _signal.SIG_IGN or number == _signal.SIGINT:
                _signal.signal(number, lambda *_: None)
        except (OSError, ValueError):
            continue  # the threading library's own
    _signal.pthread_sigmask(_signal.SIG_SETMASK, [])
