"""A command: its pipes, its credit and its end."""

from __future__ import annotations

import os
import termios
from fcntl import ioctl
from select import EPOLLIN, EPOLLOUT

from terraphim_runner.guest.activity import Activity, describe
from terraphim_runner.guest.child import Child
from terraphim_runner.guest.file_transfer import read_small_files, write_small_file
from terraphim_runner.wire.message import MOST_FILES, STDERR, STDOUT, Credit, Data, End, Exited, Failed, Started
from terraphim_runner.wire.window import INITIAL_WINDOW, PIECE, ReceiveWindow, SendWindow

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from terraphim_runner.guest.account import Account
    from terraphim_runner.guest.loop import Loop, Timer
    from terraphim_runner.guest.place import Place
    from terraphim_runner.guest.port import Port
    from terraphim_runner.guest.process_tree import ProcessTree
    from terraphim_runner.wire.message import Exec, Message


class Output:
    """The reading end of a pipe of the command's."""

    __slots__ = ("_read", "fd", "is_open", "is_watched", "left", "stream")

    def __init__(self, stream: int, fd: int, read: Callable[[Output], None]) -> None:
        """Take the descriptor, and what is to be called when there is something to read."""
        self._read = read
        self.stream = stream
        self.fd = fd
        self.is_open = True
        self.is_watched = False
        self.left: int | None = None  # how much is read before the stream is cut; nothing: to its end

    def take(self, _: int) -> None:
        """Read."""
        self._read(self)

    def cut(self) -> None:
        """End the stream after what is in the pipe now."""
        count = ioctl(self.fd, termios.FIONREAD, bytes(4))
        self.left = int.from_bytes(count, "little")


class Execution(Activity):
    """Reads the command's output as fast as the host has room, and tells how it ended."""

    def __init__(self, request: Exec, loop: Loop, port: Port, send: Callable[[Message], None]) -> None:
        """Take the host's request and the way to answer it."""
        self._request = request
        self._loop = loop
        self._port = port
        self._send = send
        self._window = SendWindow(request.window)
        self._outputs: list[Output] = []
        self._input: Input | None = None
        self._is_announced = False
        self._tree: ProcessTree | None = None
        self._place: Place | None = None
        self._linger: Timer | None = None
        self._pid = 0
        self._is_waiting_for_room = False

    def start(self, tree: ProcessTree, place: Place, account: Account | None) -> None:
        """Start the command.

        Raises:
            OSError: a file cannot be written, or the process not be made; none is left.
            ValueError: a text holds a null character.
        """
        request = self._request
        child = Child(request.argv, request.env, request.cwd, account)
        theirs: list[int] = []
        try:
            self._open_pipes(child, theirs)
            self._update()  # before the command begins: it would have to share the processor with that
            with place:
                for path, content in request.files:
                    write_small_file(path, content, account)
                self._pid = tree.start(child, self._take_start, self._take_exit)
        except (OSError, ValueError):
            self._close_pipes()
            raise
        finally:
            for fd in theirs:
                os.close(fd)
        self._tree = tree
        self._place = place

    def take_data(self, content: bytes) -> None:
        """Pass data on to standard input."""
        if self._input is not None:
            self._input.write(content)

    def take_end(self) -> None:
        """Close standard input once all of it is written."""
        if self._input is not None:
            self._input.end()

    def take_credit(self, size: int) -> None:
        """Go on reading."""
        self._window.grant(size)
        self._update()

    def take_signal(self, number: int) -> None:
        """Signal the tree."""
        if self._tree is not None:
            self._tree.signal(number)

    def close(self, on_gone: Callable[[], None]) -> None:
        """Kill the tree and forget its output."""
        self._is_announced = True  # nobody wants to know any more
        self._close_pipes()
        if self._tree is not None:
            self._tree.kill(on_gone)
        else:
            on_gone()

    # ------------------------------------------------------------ pipes
    def _open_pipes(self, child: Child, theirs: list[int]) -> None:
        stdin = self._open_input(theirs)
        child.has_input = self._input is not None
        child.streams = (stdin, self._open_output(STDOUT, theirs), self._open_output(STDERR, theirs))

    def _open_output(self, stream: int, theirs: list[int]) -> int:
        ours, fd = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(ours, False)
        theirs.append(fd)
        self._outputs.append(Output(stream, ours, self._read))
        return fd

    def _open_input(self, theirs: list[int]) -> int:
        if not self._request.has_stdin:
            stdin = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        else:
            stdin, ours = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(ours, False)
            self._input = Input(ours, self._loop, self._grant)
        theirs.append(stdin)
        return stdin

    def _grant(self, size: int) -> None:
        self._send(Credit(self._request.channel, size))

    def _close_pipes(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        if self._input is not None:
            self._input.close()
        for output in self._outputs:
            self._close_output(output)

    def _close_output(self, output: Output) -> None:
        if output.is_open:
            output.is_open = False
            self._loop.forget(output.fd)
            os.close(output.fd)

    # ------------------------------------------------------------ start and end
    def _take_start(self) -> None:
        """Tell once whether the command runs: at its first output, at its end, or when its tree says so."""
        tree = self._tree
        if tree is None or self._is_announced:
            return
        try:
            if not tree.has_started():
                return
        except OSError as exc:
            self._tree = None
            self._close_pipes()
            tree.kill(lambda: None)
            self._send(Failed(self._request.channel, exc.errno or 0, describe(exc)))
        else:
            self._is_announced = True
            self._send(Started(self._request.channel, self._pid))

    def _take_exit(self, status: int) -> None:
        self._take_start()
        if self._tree is None:
            return
        code = os.waitstatus_to_exitcode(status)
        files = self._read_back()
        self._send(Exited(self._request.channel, code < 0, abs(code), files or (), files is None))
        if self._input is not None:
            self._input.abandon()
        if any(output.is_open for output in self._outputs):
            self._linger = self._loop.call_later(self._request.linger_ms / 1000, self._cut)

    def _read_back(self) -> tuple[tuple[str, bytes], ...] | None:
        if not self._request.read_back or self._place is None:
            return ()
        try:
            with self._place:
                return read_small_files(self._request.read_back, MOST_FILES)
        except OSError:
            return ()  # the root is gone, and they with it

    def _cut(self) -> None:
        for output in self._outputs:
            if output.is_open:
                output.cut()
                self._end_if_cut(output)

    # ------------------------------------------------------------ output
    def _update(self) -> None:
        """Watch the pipes exactly while there is credit and the port has room."""
        is_wanted = self._window.available > 0 and self._port.has_room
        for output in self._outputs:
            if output.is_watched and not is_wanted:
                output.is_watched = False
                self._loop.forget(output.fd)
            elif output.is_open and is_wanted and not output.is_watched:
                output.is_watched = True
                self._loop.watch(output.fd, EPOLLIN, output.take)
        if self._window.available > 0 and not is_wanted and not self._is_waiting_for_room:
            self._is_waiting_for_room = True
            self._port.call_at_room(self._take_room)

    def _take_room(self) -> None:
        self._is_waiting_for_room = False
        self._update()

    def _read(self, output: Output) -> None:
        size = self._window.available
        if size > PIECE:  # noqa: PLR1730 - `min` is 60 blocks of code that is cold in a clone
            size = PIECE
        if output.left is not None and size > output.left:
            size = output.left
        try:
            content = os.read(output.fd, size)
        except BlockingIOError:
            return
        self._take_start()
        if not content:
            self._end_output(output)
            return
        if not output.is_open:
            return
        self._window.take(len(content))
        self._send(Data(self._request.channel, output.stream, content))
        if output.left is not None:
            output.left -= len(content)
            self._end_if_cut(output)
        self._update()

    def _end_if_cut(self, output: Output) -> None:
        if output.left == 0:
            self._end_output(output)

    def _end_output(self, output: Output) -> None:
        if not output.is_open:
            return
        output.is_watched = False
        self._close_output(output)
        if not any(each.is_open for each in self._outputs):
            self._send(End(self._request.channel))


class Input:
    """The writing end of the command's standard input."""

    def __init__(self, fd: int, loop: Loop, grant: Callable[[int], None]) -> None:
        """Take the descriptor, and the way to give the host credit."""
        self._fd = fd
        self._loop = loop
        self._grant = grant
        self._window = ReceiveWindow(INITIAL_WINDOW)
        self._buffer = bytearray()
        self._is_ending = False
        self._is_watched = False

    def write(self, content: bytes) -> None:
        """Write, now or when the pipe has room; what nobody will read is dropped, and credited all the same."""
        self._window.receive(len(content))
        self._buffer += content
        self._flush(0)

    def end(self) -> None:
        """Close after what is still to be written."""
        self._is_ending = True
        self._flush(0)

    def abandon(self) -> None:
        """Close now; the command has ended."""
        self.close()
        self._consume(len(self._buffer))

    def close(self) -> None:
        """Close now."""
        if self._fd >= 0:
            self._unwatch()
            os.close(self._fd)
            self._fd = -1

    def _flush(self, _: int) -> None:
        try:
            while self._buffer and self._fd >= 0:
                self._consume(os.write(self._fd, self._buffer[:PIECE]))
        except BlockingIOError:
            if not self._is_watched:
                self._is_watched = True
                self._loop.watch(self._fd, EPOLLOUT, self._flush)
            return
        except OSError:
            self.close()
        self._unwatch()
        self._consume(len(self._buffer))
        if self._is_ending:
            self.close()

    def _consume(self, size: int) -> None:
        del self._buffer[:size]
        if credit := self._window.consume(size):
            self._grant(credit)

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._loop.forget(self._fd)
