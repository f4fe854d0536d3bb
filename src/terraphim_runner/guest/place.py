"""Where commands run and files are: the machine's own root, or a job's."""

from __future__ import annotations

import os
import sys

from terraphim_runner.guest.kernel import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUTS,
    set_namespaces,
)
from terraphim_runner.guest.spawn import entering

TYPE_CHECKING = False
if TYPE_CHECKING:
    from terraphim_runner.guest.spawn import Call

CGROUPS = "/sys/fs/cgroup"
_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC

# Not that of cgroups: whoever is in a job's may not bring processes from outside into its cgroups.
_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET


class Place:
    """The machine's own root, where the agent is. Inside its context paths, and children, are there."""

    cgroup = f"{CGROUPS}/machine"  # of which the kernel need not set up controllers for each command

    def __init__(self) -> None:
        """Open nothing yet: an agent without cgroups never needs any."""
        self._cgroup_fd = -1
        self._groups_made = 0
        self._spare: tuple[str, int] | None = None
        self.first_calls: tuple[Call, ...] = ()  # what a command's process does first, when it was started there

    @property
    def cgroup_fd(self) -> int:
        """A descriptor of the cgroup below which commands get theirs; it works wherever the agent is."""
        if self._cgroup_fd < 0:
            if not os.path.isdir(self.cgroup):
                os.mkdir(self.cgroup)
            self._cgroup_fd = _open_directory(self.cgroup)
        return self._cgroup_fd

    def take_group(self) -> tuple[str, int]:
        """Give an empty cgroup: its name below `cgroup`, and a descriptor that the caller must close.

        Raises:
            OSError: the kernel refused.
        """
        spare, self._spare = self._spare, None
        return spare or self._make_group()

    def prepare_group(self) -> None:
        """Have a cgroup ready for the next command: to make one is 1,000 blocks of cold code in a clone."""
        if self._spare is None and not self._is_released:
            try:  # noqa: SIM105 - contextlib costs boot time
                self._spare = self._make_group()
            except OSError:
                pass  # whoever needs one will be told

    def drop_group(self, name: str) -> None:
        """Remove a cgroup that was taken and is not needed."""
        try:  # noqa: SIM105 - contextlib costs boot time
            os.rmdir(name, dir_fd=self.cgroup_fd)
        except OSError:
            pass  # a job has removed it, or has processes in it; it goes with the job's root

    @property
    def has_spare(self) -> bool:
        """Whether a cgroup is ready."""
        return self._spare is not None

    @property
    def _is_released(self) -> bool:
        return False

    def _make_group(self) -> tuple[str, int]:
        self._groups_made += 1
        name = f"exec-{self._groups_made}"
        os.mkdir(name, dir_fd=self.cgroup_fd)
        return name, os.open(name, _DIRECTORY, dir_fd=self.cgroup_fd)

    def __enter__(self) -> None:
        """Go there."""

    def __exit__(self, *_: object) -> None:
        """Come back."""


class JobPlace(Place):
    """A job's root, entered by the namespaces of its first process. The agent is in one place at a time.

    Nothing there is trusted: a job may put what it likes at any path. So what the agent does inside is confined
    to that root by the kernel, and no module is loaded inside.
    """

    def __init__(self, cgroup: str, first_process: int) -> None:
        """Take the process, which is a child of this one."""
        super().__init__()
        self.cgroup = cgroup
        self._cgroup_fd = _open_directory(cgroup)  # now: inside, its path leads elsewhere
        self._process_fd = os.pidfd_open(first_process)
        self.first_calls = (entering(self._process_fd, CLONE_NEWCGROUP),)  # it sees no cgroups of others then
        self._finders = sys.meta_path[:]

    @property
    def _is_released(self) -> bool:
        return self._process_fd < 0

    def __enter__(self) -> None:
        """Go there.

        Raises:
            OSError: its first process has ended, and with it the root.
        """
        set_namespaces(self._process_fd, _NAMESPACES)
        sys.meta_path.clear()

    def __exit__(self, *_: object) -> None:
        """Come back."""
        return_home()
        sys.meta_path[:] = self._finders

    def release(self) -> None:
        """Hold on to nothing of it."""
        os.close(self._process_fd)
        os.close(self._cgroup_fd)
        if self._spare is not None:
            os.close(self._spare[1])
            self._spare = None
        self._process_fd = self._cgroup_fd = -1  # their numbers will be those of other files


def _open_directory(path: str) -> int:
    return os.open(path, _DIRECTORY)


_KERNEL_THREADS = 2  # the process above them all, which never leaves the machine's own namespaces

_home: list[int] = []


def remember_home() -> None:
    """Keep a way back to the machine's own namespaces, before they are left for the first time."""
    if not _home:
        _home.append(os.pidfd_open(_KERNEL_THREADS))


def return_home() -> None:
    """Be in the machine's own root again."""
    set_namespaces(_home[0], _NAMESPACES)
