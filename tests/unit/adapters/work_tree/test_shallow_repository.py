"""A remote's address, as far as a guest may know it."""

from __future__ import annotations

import pytest

from terraphim_runner.adapters.work_tree.shallow_repository import without_credentials


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (None, None),
        ("https://git.example/o/r.git", "https://git.example/o/r.git"),
        ("https://token@git.example/o/r.git", "https://git.example/o/r.git"),
        ("https://user:pa@ss@git.example:8443/o/r", "https://git.example:8443/o/r"),
        ("https://git.example/o/r?private_token=x#y", "https://git.example/o/r"),
        ("ssh://git@git.example/o/r", "ssh://git@git.example/o/r"),
        ("ssh://git:secret@git.example/o/r", "ssh://git@git.example/o/r"),
        ("git@git.example:o/r.git", "git@git.example:o/r.git"),
        ("/home/user/r", None),
        ("../r", None),
        ("file:///home/user/r", None),
        ("odd::https://user:secret@git.example/r", None),
    ],
)
def test_an_address_loses_what_is_secret_or_this_machines(url: str | None, expected: str | None) -> None:
    """Login names of ssh are no secret and are needed."""
    assert without_credentials(url) == expected
