"""Files in and out. Done by the agent itself: under emulation a process costs more than most files."""

from __future__ import annotations

import os
import stat

from terraphim_runner.guest.activity import Activity
from terraphim_runner.wire.message import Credit, Data, Done, End, Failed, Started
from terraphim_runner.wire.window import INITIAL_WINDOW, PIECE, ReceiveWindow, SendWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.account import Account
    from terraphim_runner.guest.place import Place
    from terraphim_runner.guest.port import Port
    from terraphim_runner.wire.message import GetFile, Message, PutFile


class Upload(Activity):
    """A file being written beside its place, and moved there when it is whole."""

    def __init__(
        self, request: PutFile, place: Place, account: Account | None, send: Callable[[Message], None]
    ) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be made.
        """
        self._request = request
        self._place = place
        self._account = account
        self._send = send
        self._window = ReceiveWindow(INITIAL_WINDOW)
        check_absolute(request.path)
        directory = os.path.dirname(request.path)
        self._scratch = f"{directory}/.terraphim-runner-{os.getpid()}-{request.channel}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with place:
            make_parents(directory, account)
            self._fd = os.open(self._scratch, flags, 0o600)

    def take_data(self, content: bytes) -> None:
        """Write a piece."""
        if self._fd < 0:
            return
        try:
            self._window.receive(len(content))
            _write_all(self._fd, content)
            if credit := self._window.consume(len(content)):
                self._send(Credit(self._request.channel, credit))
        except OSError as exc:
            self._fail(exc)

    def take_end(self) -> None:
        """Move the file to its place."""
        if self._fd < 0:
            return
        try:
            if self._account is not None:
                os.fchown(self._fd, self._account.uid, self._account.gid)
            os.fchmod(self._fd, self._request.mode)
            with self._place:
                os.rename(self._scratch, self._request.path)
        except OSError as exc:
            self._fail(exc)
            return
        self._release()
        self._send(Done(self._request.channel))

    def close(self, on_gone: Callable[[], None]) -> None:
        """Drop what was written."""
        if self._fd >= 0:
            self._release()
            self._remove()
        on_gone()

    def _fail(self, error: OSError) -> None:
        self.close(lambda: None)
        self._send(Failed(self._request.channel, error.errno or 0, f"{self._request.path}: {error.strerror}"))

    def _remove(self) -> None:
        try:
            with self._place:
                os.unlink(self._scratch)
        except OSError:
            pass  # somebody did, or the root is gone

    def _release(self) -> None:
        os.close(self._fd)
        self._fd = -1


class Download(Activity):
    """A file being read as fast as the host has room."""

    def __init__(self, request: GetFile, place: Place, port: Port, send: Callable[[Message], None]) -> None:
        """Open the file, without waiting: a pipe must not stop the agent.

        Raises:
            OSError: it cannot be read, or is no regular file.
        """
        self._request = request
        self._port = port
        self._send = send
        self._window = SendWindow(request.window)
        self._is_waiting = False
        check_absolute(request.path)
        with place:
            self._fd = os.open(request.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(self._fd).st_mode):
            os.close(self._fd)
            raise OSError(0, "not a regular file", request.path)

    def start(self) -> None:
        """Tell the host that the file is open, and read."""
        self._send(Started(self._request.channel, 0))
        self._advance()

    def take_credit(self, size: int) -> None:
        """Go on reading."""
        self._window.grant(size)
        self._advance()

    def close(self, on_gone: Callable[[], None]) -> None:
        """Stop reading."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        on_gone()

    def _advance(self) -> None:
        while self._fd >= 0 and self._window.available > 0:
            if not self._port.has_room:
                self._wait_for_room()
                return
            self._read()

    def _wait_for_room(self) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self._port.call_at_room(self._take_room)

    def _take_room(self) -> None:
        self._is_waiting = False
        self._advance()

    def _read(self) -> None:
        channel = self._request.channel
        try:
            content = os.read(self._fd, min(PIECE, self._window.available))
        except OSError as exc:
            self.close(lambda: None)
            self._send(Failed(channel, exc.errno or 0, f"{self._request.path}: {exc.strerror}"))
            return
        if content:
            self._window.take(len(content))
            self._send(Data(channel, 0, content))
        else:
            self.close(lambda: None)
            self._send(End(channel))


def write_small_file(path: str, content: bytes, account: Account | None) -> None:
    """Write a file of a user's at once; parents are made.

    Raises:
        OSError: it cannot be written.
    """
    check_absolute(path)
    fd = _open_small_file(path, account)
    try:
        if content:
            _write_all(fd, content)
        if account is not None:
            os.fchown(fd, account.uid, account.gid)
    finally:
        os.close(fd)


def _open_small_file(path: str, account: Account | None) -> int:
    """Open a file for everybody to read, expecting that it is new and its directory there: every call costs."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags | os.O_EXCL, 0o644)
    except FileExistsError:
        pass
    except FileNotFoundError:
        make_parents(os.path.dirname(path), account)
    fd = os.open(path, flags | os.O_TRUNC, 0o644)
    try:
        os.fchmod(fd, 0o644)
    except OSError:
        os.close(fd)
        raise
    return fd


def read_small_files(paths: tuple[str, ...], limit: int) -> tuple[tuple[str, bytes], ...] | None:
    """Read those of the files that have content; nothing at all if they are larger than `limit` together."""
    files: list[tuple[str, bytes]] = []
    for path in paths:
        content = _read_small_file(path, limit + 1)
        limit -= len(content)
        if limit < 0:
            return None
        if content:
            files.append((path, content))
    return tuple(files)


def _read_small_file(path: str, limit: int) -> bytes:
    try:
        if not os.stat(path).st_size:
            return b""  # most are empty, and to open them costs three times as much
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return b""
    pieces: list[bytes] = []
    try:
        while limit > 0 and stat.S_ISREG(os.fstat(fd).st_mode) and (piece := os.read(fd, limit)):
            pieces.append(piece)
            limit -= len(piece)
    except OSError:
        pass  # what cannot be read is left out like what is missing
    finally:
        os.close(fd)
    return b"".join(pieces)


def check_absolute(path: str) -> None:
    """Refuse a path that depends on where the agent happens to be, or that is none.

    Raises:
        OSError: it is relative, or holds a null byte.
    """
    if not path.startswith("/") or "\0" in path:
        raise OSError(22, "not an absolute path", path)


def make_parents(path: str, account: Account | None) -> None:
    """Make a directory and what is missing above it, all of it the user's.

    Raises:
        OSError: it cannot be made.
    """
    if not path or os.path.isdir(path):
        return
    make_parents(os.path.dirname(path), account)
    os.mkdir(path, 0o755)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def make_empty_directory(path: str, account: Account | None) -> None:
    """Make a directory of a user's, or take one that is there and empty.

    Raises:
        OSError: it cannot be made, or is not empty.
    """
    check_absolute(path)
    make_parents(path, account)
    if os.listdir(path):
        raise OSError(39, "directory is not empty", path)
    if account is not None:
        os.chown(path, account.uid, account.gid)


def _write_all(fd: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(fd, rest) :]
