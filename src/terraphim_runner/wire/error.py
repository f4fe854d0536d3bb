"""What can be wrong with what the other end sent.

WireError
  FrameVersionUnknown    the frame's layout is of another version
  FrameLost              the count of frames has a gap, or too much noise came
  MessageMalformed       a frame arrived whole, and its payload is not that of its kind
  WindowExceeded         more data than there was credit for
  VersionMismatch        the two ends have no version in common
"""

from __future__ import annotations


class WireError(Exception):
    """The other end broke the protocol."""


class FrameVersionUnknown(WireError):
    """The frame's layout is of a version that this end does not know."""


class FrameLost(WireError):
    """Frames were lost on the way."""


class MessageMalformed(WireError):
    """A message's payload is not what its kind demands."""


class WindowExceeded(WireError):
    """More data came than there was credit for."""


class VersionMismatch(WireError):
    """The two ends have no version of the protocol in common."""
