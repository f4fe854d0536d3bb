"""What the ledger's file owes to crashes and to other processes; the processes here are real."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters import ledger_file
from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.domain.errors import HostDiskFull, HostError
from terraphim_runner.domain.ident import RunId, SessionId
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent

if TYPE_CHECKING:
    from pathlib import Path

# Another runner: says who it is, writes as many entries as it is asked for, then lives until it is killed.
_RUNNER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from terraphim_runner.adapters.ledger_file import LedgerFile
from terraphim_runner.ports.ledger import LedgerEntry, LedgerEvent

ledger = LedgerFile(Path(sys.argv[1]))
print(ledger.owner, flush=True)
for line in sys.stdin:
    for number in range(int(line)):
        ledger.append(LedgerEntry(datetime.now(UTC), LedgerEvent.REQUESTED, f"{ledger.owner}/{number}", "run",
                                  "memory", ledger.owner))
    print("written", flush=True)
"""


class _Runner:
    def __init__(self, state_dir: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _RUNNER, str(state_dir)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.owner = self._read()

    def ask(self, entries: int) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{entries}\n")
        self._process.stdin.flush()

    def wait_written(self) -> None:
        assert self._read() == "written"

    def kill(self) -> None:
        with self._process:
            self._process.send_signal(signal.SIGKILL)

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def _entry(session: str = "s1") -> LedgerEntry:
    return LedgerEntry(
        at=datetime(2026, 1, 1, tzinfo=UTC),
        event=LedgerEvent.REQUESTED,
        session_id=SessionId(session),
        run_id=RunId("r1"),
        provider="memory",
        owner="somebody",
    )


def test_a_runner_that_is_killed_is_dead_and_its_entries_stay(tmp_path: Path) -> None:
    """The lock goes with the process: kill -9 leaves no runner that seems to live."""
    runner = _Runner(tmp_path)
    with LedgerFile(tmp_path) as ledger:
        was_alive = ledger.is_alive(runner.owner)
        runner.ask(1)
        runner.wait_written()
        runner.kill()

        assert was_alive
        assert not ledger.is_alive(runner.owner)
        assert [entry.owner for entry in ledger.entries()] == [runner.owner]


def test_a_runner_that_leaves_is_dead_before_its_process_ends(tmp_path: Path) -> None:
    """Leaving the context is the end of the owner."""
    with LedgerFile(tmp_path) as left:
        pass

    with LedgerFile(tmp_path) as ledger:
        assert not ledger.is_alive(left.owner)


def test_two_runners_at_once_lose_and_tear_nothing(tmp_path: Path) -> None:
    """Each one's entries are all there, in its own order."""
    runners = [_Runner(tmp_path), _Runner(tmp_path)]
    for runner in runners:
        runner.ask(100)
    for runner in runners:
        runner.wait_written()
        runner.kill()
    with LedgerFile(tmp_path) as ledger:
        entries = ledger.entries()

    for runner in runners:
        own = [entry.session_id for entry in entries if entry.owner == runner.owner]
        assert own == [f"{runner.owner}/{number}" for number in range(100)]


def test_a_runner_killed_while_it_writes_spoils_nothing(tmp_path: Path) -> None:
    """What is there afterwards is a beginning of what it would have written, and the ledger goes on."""
    runner = _Runner(tmp_path)
    runner.ask(100_000)
    with LedgerFile(tmp_path) as ledger:
        while len(ledger.entries()) < 10:
            pass
        runner.kill()
        before = [entry.session_id for entry in ledger.entries()]
        ledger.append(_entry("after"))

        assert before == [f"{runner.owner}/{number}" for number in range(len(before))]
        assert [entry.session_id for entry in ledger.entries()] == [*before, "after"]


@pytest.mark.parametrize("kept", [1, 20, 60])
def test_a_torn_last_line_is_no_entry_and_spoils_no_other(tmp_path: Path, kept: int) -> None:
    """A machine that lost its power in the middle of a line costs that line only."""
    path = tmp_path / "ledger.jsonl"
    with LedgerFile(tmp_path) as ledger:
        ledger.append(_entry("whole"))
        whole = path.read_bytes()
        path.write_bytes(whole + whole[:kept])

        assert [entry.session_id for entry in ledger.entries()] == ["whole"]
        ledger.append(_entry("next"))
        assert [entry.session_id for entry in ledger.entries()] == ["whole", "next"]


def test_dead_owners_leave_no_files(tmp_path: Path) -> None:
    """A thousand crashes do not fill a directory; the living are left alone."""
    dead, living = _Runner(tmp_path), _Runner(tmp_path)
    dead.kill()
    with LedgerFile(tmp_path) as ledger:
        files = {path.stem for path in (tmp_path / "owners").iterdir()}
    living.kill()

    assert files == {living.owner, ledger.owner}


def test_an_entry_from_the_future_is_refused_by_name(tmp_path: Path) -> None:
    """A whole line that means nothing to this version must not be passed over: it may be a VM that is held."""
    with LedgerFile(tmp_path) as ledger:
        ledger.append(_entry())
        path = tmp_path / "ledger.jsonl"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"event": "suspended"}) + "\n")

        with pytest.raises(HostError, match="suspended"):
            ledger.entries()


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a line is written, then there is no room: the half is taken back."""
    with LedgerFile(tmp_path) as ledger:
        ledger.append(_entry("whole"))
        before = (tmp_path / "ledger.jsonl").read_bytes()

        def fill(fd: int, data: bytes) -> None:
            os.write(fd, data[:30])
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(ledger_file, "_write_all", fill)
        with pytest.raises(HostDiskFull):
            ledger.append(_entry("lost"))

        assert (tmp_path / "ledger.jsonl").read_bytes() == before


def test_a_state_directory_that_cannot_be_is_said_by_name(tmp_path: Path) -> None:
    """The message names the directory and the setting."""
    (tmp_path / "file").write_text("")

    with pytest.raises(HostError, match=str(tmp_path / "file")) as raised:
        LedgerFile(tmp_path / "file" / "state")

    assert raised.value.hint is not None
    assert "state_dir" in raised.value.hint
