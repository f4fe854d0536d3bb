"""Credit: how much may be sent, and how much must be granted."""

from __future__ import annotations

from terraphim_runner.wire.error import WindowExceeded

INITIAL_WINDOW = 256 * 1024  # bytes of standard input or of a file that the host may send unasked
PIECE = 64 * 1024  # the most in one Data message: a pipe's capacity, and beyond what makes virtio-serial fast


class SendWindow:
    """What this end may still send."""

    __slots__ = ("available",)

    def __init__(self, size: int) -> None:
        """Start with the credit that the other end gives unasked."""
        self.available = size

    def take(self, size: int) -> None:
        """Use credit; the caller has looked at `available`."""
        self.available -= size

    def grant(self, size: int) -> None:
        """Take credit that the other end sent."""
        self.available += size


class ReceiveWindow:
    """What the other end may still send, and what it must be told.

    Credit goes back when half the window has been consumed, not with every piece.
    """

    __slots__ = ("_consumed", "_outstanding", "_size")

    def __init__(self, size: int) -> None:
        """Start with the credit given unasked."""
        self._size = size
        self._outstanding = size
        self._consumed = 0

    def receive(self, size: int) -> None:
        """Count data that came.

        Raises:
            WindowExceeded: there was no credit for it.
        """
        if size > self._outstanding:
            raise WindowExceeded(f"{size} bytes came with credit for {self._outstanding}")
        self._outstanding -= size

    def consume(self, size: int) -> int:
        """Count data that left the buffer; give the credit to send now, 0 for none."""
        self._consumed += size
        if self._consumed * 2 < self._size:
            return 0
        credit, self._consumed = self._consumed, 0
        self._outstanding += credit
        return credit
