"""One end of a conversation: bytes to messages and messages to bytes, with loss noticed."""

from __future__ import annotations

from terraphim_runner.wire.error import FrameLost, VersionMismatch
from terraphim_runner.wire.frame import FrameDecoder, encode_frame
from terraphim_runner.wire.message import decode_message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.wire.frame import Bytes, Frame
    from terraphim_runner.wire.message import Message

OLDEST_VERSION = 3  # 2: roots; 3: how many of them share the memory
NEWEST_VERSION = 3

_SEQUENCES = 2**32


class Connection:
    """Counts frames both ways, so that noise between frames is harmless and a missing frame is an error.

    Everything before the first message of kind `opener` is dropped: it was meant for somebody else. Every `opener`
    starts the count anew.
    """

    def __init__(
        self, opener: type[Message], noise_limit: int | None = None, counts: tuple[int, int | None] = (0, None)
    ) -> None:
        """Take the message that opens the other end's half: `Hello` for a guest, `Ready` for a host.

        With another connection's `counts`, go on where that one stands.
        """
        self._opener = opener.kind
        self._noise_limit = noise_limit
        self._decoder = FrameDecoder(noise_limit)
        self._sent, self._expected = counts

    @property
    def noise(self) -> int:
        """Tell how many bytes were no part of any frame."""
        return self._decoder.noise

    @property
    def counts(self) -> tuple[int, int | None]:
        """Tell the numbers of the next frame of this end and of the other; none before the other has begun."""
        return self._sent, self._expected

    def send(self, message: Message) -> bytes:
        """Give the bytes to send; they must be sent in the order of the calls.

        Raises:
            MessageMalformed: the message cannot be written; nothing is counted.
        """
        frame = encode_frame(message.kind, self._sent, message.channel, message.encode())
        self._sent = (self._sent + 1) % _SEQUENCES
        return frame

    def receive(self, data: Bytes) -> list[Message]:
        """Take bytes in pieces of any size, give the messages they complete.

        Raises:
            WireError: the conversation is broken; begin a new one.
        """
        messages = []
        for frame in self._decoder.feed(data):
            if self._is_expected(frame):
                messages.append(decode_message(frame.kind, frame.channel, frame.payload))  # noqa: PERF401 - cold
        return messages

    def reset(self) -> None:
        """Wait for a new opening of the other end; this end's count goes on."""
        self._decoder = FrameDecoder(self._noise_limit)
        self._expected = None

    def drop_fragment(self) -> None:
        """Start over if the other end stopped in the middle of a frame, which would swallow what comes next."""
        if self._decoder.buffered:
            self.reset()

    def _is_expected(self, frame: Frame) -> bool:
        if frame.kind == self._opener:
            self._expected = frame.sequence
        if self._expected is None:
            return False
        if frame.sequence != self._expected:
            raise FrameLost(f"frame {frame.sequence} came instead of {self._expected}")
        self._expected = (self._expected + 1) % _SEQUENCES
        return True


def choose_version(oldest: int, newest: int) -> int:
    """Choose the newest version that both ends speak; 0 if there is none."""
    version = min(newest, NEWEST_VERSION)
    return version if version >= max(oldest, OLDEST_VERSION) else 0


def check_version(version: int, oldest: int, newest: int) -> None:
    """Check the answer to a Hello.

    Raises:
        VersionMismatch: with both ends' versions.
    """
    if not OLDEST_VERSION <= version <= NEWEST_VERSION:
        raise VersionMismatch(
            f"the agent speaks the versions {oldest} to {newest} of the wire, "
            f"this runner {OLDEST_VERSION} to {NEWEST_VERSION}"
        )
