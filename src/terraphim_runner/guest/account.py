"""Users of the guest."""

from __future__ import annotations

import os


class Account:
    """Who a command runs as, or a file belongs to."""

    __slots__ = ("gid", "groups", "uid")

    def __init__(self, uid: int, gid: int, groups: list[int]) -> None:
        """Take the ids; `groups` are the supplementary ones."""
        self.uid = uid
        self.gid = gid
        self.groups = groups

    def assume(self) -> None:
        """Become this user, for good."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)


_FILES = ("/etc/passwd", "/etc/group")
_found: dict[tuple[object, ...], Account] = {}


def find_account(name: str) -> Account:
    """Look a user up in the guest's password file, again only when that has changed.

    Raises:
        KeyError: there is none of that name.
    """
    key = (name, *map(_change_time, _FILES))
    if key not in _found:
        _found[key] = _look_up(name)
    return _found[key]


def _change_time(path: str) -> int:
    try:
        return os.stat(path).st_ctime_ns
    except OSError:
        return 0


def _look_up(name: str) -> Account:
    import pwd  # noqa: PLC0415 - late, it is not needed at boot

    entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid, os.getgrouplist(name, entry.pw_gid))
