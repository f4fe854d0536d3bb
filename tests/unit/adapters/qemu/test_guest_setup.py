"""What a guest is asked and told before anybody uses it."""

from __future__ import annotations

from terraphim_runner.adapters.qemu.guest_setup import parse_environment


def test_an_environment_file_is_read() -> None:
    """Names and values; comments and nonsense are left out."""
    text = '# comment\nPATH=/bin:/usr/bin\nA="quoted"\n\nnonsense\nB=x=y\n'

    assert parse_environment(text) == {"PATH": "/bin:/usr/bin", "A": "quoted", "B": "x=y"}
