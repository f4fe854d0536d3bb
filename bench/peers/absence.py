"""What is not there to compare with."""

from __future__ import annotations


class Absent(Exception):
    """A peer cannot be had on this machine; the message is a sentence for people."""
