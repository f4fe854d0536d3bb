"""Users of the guest."""

from __future__ import annotations

import os


class Account:
    """Who a command runs as, or a file belongs to."""

    __slots__ = ("gid", "group_words", "groups", "uid")

    def __init__(self, uid: int, gid: int, groups: list[int]) -> None:
        """Take the ids; `groups` are the supplementary ones."""
        self.uid = uid
        self.gid = gid
        self.groups = groups
        # The groups as words of the machine's, two in each.
        self.group_words = [low | high << 32 for low, high in zip(groups[::2], [*groups[1::2], 0], strict=False)]


_found: dict[str, Account] = {}


def find_account(name: str) -> Account:
    """Look a user up in the machine's own password file, once: no job can write to that.

    Raises:
        KeyError: there is none of that name.
    """
    if name not in _found:
        _found[name] = _look_up(name)
    return _found[name]


def _look_up(name: str) -> Account:
    import pwd  # noqa: PLC0415 - late, it is not needed at boot

    entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid, os.getgrouplist(name, entry.pw_gid))
