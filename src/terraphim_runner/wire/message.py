"""Every message of the protocol. The classes are the specification: kind, then fields in order.

Channel 0 is the link itself. The host numbers its requests 1, 2, 3, … ; a number is used once per connection, so a
message for a channel that has ended is late, not wrong, and is dropped.
"""

from __future__ import annotations

from terraphim_runner.wire.error import MessageMalformed
from terraphim_runner.wire.field import KINDS
from terraphim_runner.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from terraphim_runner.wire.field import Blob, Files, Flag, Number, Pairs, Reader, Text, Texts, Writer

STDOUT = 1
STDERR = 2
MOST_FILES = 4 * 1024 * 1024  # bytes of the files that travel with one command, each way

_CLASSES: dict[int, type[Message]] = {}


class Message(Record):
    """What all messages have: a kind, and the channel they are about."""

    if TYPE_CHECKING:
        kind: ClassVar[int]
        _writers: ClassVar[tuple[tuple[str, Writer], ...]]
        _readers: ClassVar[tuple[tuple[str, Reader], ...]]
    channel: Number

    def __init_subclass__(cls, kind: int) -> None:
        super().__init_subclass__()
        cls.kind = kind
        codecs = [(name, KINDS[annotation]) for name, annotation in cls.__annotations__.items()]
        cls._writers = tuple((name, writer) for name, (writer, _) in codecs)
        cls._readers = tuple((name, reader) for name, (_, reader) in codecs)
        _CLASSES[kind] = cls

    def encode(self) -> bytes:
        """Give the payload of this message's frame.

        Raises:
            MessageMalformed: a field's value cannot be written.
        """
        values = self.__dict__
        payload = b""
        for name, write in self._writers:
            payload += write(values[name])
        return payload

    @classmethod
    def decode(cls, channel: int, payload: bytes) -> Message:
        """Read what `encode` gave.

        Raises:
            MessageMalformed: the payload is not one of this message.
        """
        message = cls.__new__(cls)
        values: dict[str, Any] = message.__dict__
        values["channel"] = channel
        at = 0
        for name, read in cls._readers:
            values[name], at = read(payload, at)
        if at != len(payload):
            raise MessageMalformed(f"{len(payload) - at} bytes too many in a payload")
        return message


def decode_message(kind: int, channel: int, payload: bytes) -> Message:
    """Read a frame's message.

    Raises:
        MessageMalformed: no such kind, or the payload is not one of that kind.
    """
    cls = _CLASSES.get(kind)
    if cls is None:
        raise MessageMalformed(f"no message is of kind {kind}")
    return cls.decode(channel, payload)


# ---------------------------------------------------------------- host to guest
class Hello(Message, kind=1):
    """Begin a conversation, ending any earlier one: the guest kills what runs and forgets every channel."""

    oldest: Number  # versions the host speaks
    newest: Number
    nonce: Number  # comes back in Ready


class Exec(Message, kind=2):
    """Write files and start a command: Started or Failed, then Data, End and Exited."""

    root: Text  # where, and so in all messages that have it: a root's name; empty: the machine's own
    argv: Texts
    env: Pairs
    cwd: Text
    user: Text
    has_stdin: Flag
    window: Number  # bytes of output that may be sent before a Credit
    linger_ms: Number  # how long after the command's end others may hold its output open
    files: Files
    read_back: Texts


class Signal(Message, kind=3):
    """Send a signal to every process of a command's tree."""

    number: Number


class Close(Message, kind=4):
    """End a channel: kill what is left of the tree, drop a half-written file. Answered by Closed."""


class PutFile(Message, kind=5):
    """Write a file: Data, then End; answered by Done or Failed."""

    root: Text
    path: Text
    mode: Number
    user: Text


class GetFile(Message, kind=6):
    """Read a file: answered by Started, Data and End, or Failed at any point."""

    root: Text
    path: Text
    window: Number


class MakeDirectory(Message, kind=7):
    """Make an empty directory of a user's, its parents too; one that is there must be empty. Done or Failed."""

    root: Text
    path: Text
    user: Text


class MountMailbox(Message, kind=8):
    """Mount the squashfs on the disk of this serial as a writable tree. Done or Failed."""

    root: Text
    serial: Text
    path: Text
    user: Text


class ReleaseMailbox(Message, kind=9):
    """Unmount the mailbox's tree, so that the disk can be written again. Done or Failed."""


class Personalize(Message, kind=10):
    """Make a restored clone its own machine: clock, randomness, names (empty: left alone). Done or Failed."""

    unix_ns: Number
    entropy: Blob
    machine_id: Text
    hostname: Text


class Ping(Message, kind=11):
    """Ask for Pong."""


class Sync(Message, kind=12):
    """Write what the kernel holds back to the disks. Done."""


class PowerOff(Message, kind=13):
    """Write the disks and turn the machine off. Failed, or no answer."""


class OpenRoot(Message, kind=14):
    """Make a pristine root, which lasts as long as the channel: Close removes it. Done or Failed."""

    name: Text
    memory: Number  # bytes its processes may take together; 0: an equal part of what the machine can spare
    processes: Number  # how many there may be; 0: as many as the machine can bear
    sharers: Number  # how many parts that is: as many as there may be roots at once, this one included


class PrepareRoots(Message, kind=15):
    """Make roots ahead until so many wait for OpenRoot, which then need make none. Done or Failed."""

    count: Number


class Measure(Message, kind=16):
    """Ask what a root has taken of the machine. Usage or Failed."""

    root: Text


# ---------------------------------------------------------------- both ways
class Data(Message, kind=20):
    """A piece of a command's output or input, or of a file; needs credit."""

    stream: Number  # STDOUT, STDERR, or 0
    content: Blob


class End(Message, kind=21):
    """No more Data comes on this channel from this end."""


class Credit(Message, kind=22):
    """Room for so many more bytes."""

    size: Number


# ---------------------------------------------------------------- guest to host
class Ready(Message, kind=30):
    """Answer Hello."""

    version: Number  # the one to speak; 0 if there is none in common
    oldest: Number
    newest: Number
    nonce: Number
    agent: Text
    pid: Number
    boot_id: Text
    python: Text


class Started(Message, kind=31):
    """The command runs."""

    pid: Number


class Exited(Message, kind=32):
    """The command's own process ended."""

    is_signal: Flag
    number: Number  # exit code, or the signal
    files: Files  # of those to read back, the ones with content
    is_too_much: Flag  # they are larger than MOST_FILES together; none is sent


class Closed(Message, kind=33):
    """Nothing is left of the channel."""


class Done(Message, kind=34):
    """It is done."""


class Failed(Message, kind=35):
    """It could not be done; the channel is gone."""

    errno: Number  # of the system call that failed; 0 for none
    text: Text


class Pong(Message, kind=36):
    """Answer Ping."""


class Fault(Message, kind=37):
    """The guest could not understand the host; every channel is gone."""

    text: Text


class Usage(Message, kind=38):
    """Answer Measure."""

    killed: Number  # processes killed for want of memory
    memory: Number  # bytes that there may be
    refused: Number  # forks refused for want of processes
    processes: Number  # that there may be
    disk_free: Number  # bytes
    disk_size: Number  # bytes
