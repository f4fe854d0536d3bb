"""What a VMM process may do to its host: identity, capabilities, lifetime, resource limits.

As root, the VMM of each slot runs as a user and group of its own that no account has, without capabilities and
without a way to gain any. Otherwise it runs as the runner's user. Either way the kernel kills it when the
runner dies: the parent-death signal is set after the change of user (which clears it), and a program that runs
after *that* (`launch_program`) sees whether the parent had gone before; then it gives up the view of the host's
files and becomes the VMM.

All of it is done by programs that become one another - nsenter, prlimit, setpriv, that one, QEMU - and not by
Python code between fork and exec, which is not safe in a process with threads.
"""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from terraphim_runner.adapters.qemu.host_view import HostView

_MIB = 1 << 20
_AS_OVERHEAD_MIB = 6 * 1024  # code, TCG's translation buffer, thread stacks and arenas
_SETPRIV = ("setpriv", "--no-new-privs", "--pdeathsig", "KILL")


@dataclass(frozen=True, slots=True)
class Identity:
    """A user that no account has, and the groups its VMM needs (that of /dev/kvm)."""

    uid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Confinement:
    """Limits of one VMM process."""

    identity: Identity | None  # none: the runner's own user, when the runner is not root
    limits: tuple[tuple[str, int], ...] = ()  # by prlimit's names
    entrance: tuple[str, ...] = ()  # the words that lead into its network namespace, while that is still allowed
    view: HostView | None = None  # of the host's files; none: all that its user may read


def launcher(confinement: Confinement, program_fd: int) -> list[str]:
    """Give the words that go before the VMM's own command line; the last program is that of a descriptor."""
    identity = confinement.identity
    return [
        *confinement.entrance,
        *("prlimit", *(f"--{name}={value}" for name, value in confinement.limits)),
        *_SETPRIV,
        *(_drop_to(identity) if identity else ()),
        f"/proc/self/fd/{program_fd}",
    ]


def limits_for(*, memory_mib: int, largest_file: int, has_own_user: bool) -> tuple[tuple[str, int], ...]:
    """Choose limits: enough for a machine of this size, no more, and never above this process's own.

    Processes are counted per user, so that limit makes sense only for a user that runs nothing else.
    """
    wanted = {
        "core": (resource.RLIMIT_CORE, 0),
        "nofile": (resource.RLIMIT_NOFILE, 256),
        "fsize": (resource.RLIMIT_FSIZE, largest_file),
        "as": (resource.RLIMIT_AS, (memory_mib + _AS_OVERHEAD_MIB) * _MIB),
    }
    if has_own_user:
        wanted["nproc"] = (resource.RLIMIT_NPROC, 64)
    return tuple((name, _at_most_own(which, value)) for name, (which, value) in wanted.items())


def is_root() -> bool:
    """Tell whether VMMs can be given users of their own."""
    return os.geteuid() == 0


def _at_most_own(which: int, value: int) -> int:
    _, hard = resource.getrlimit(which)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)


def _drop_to(identity: Identity) -> list[str]:
    groups = ["--groups", ",".join(map(str, identity.groups))] if identity.groups else ["--clear-groups"]
    return [
        *("--reuid", str(identity.uid), "--regid", str(identity.uid), *groups),
        *("--inh-caps=-all", "--bounding-set=-all"),
    ]
