"""The official runner's command line for every shell."""

from __future__ import annotations

import pytest

from terraphim_runner.executor.shell import ShellInvalid, make_script


@pytest.mark.parametrize(
    ("shell", "argv"),
    [
        (None, ("bash", "-e", "/t/s.sh")),
        ("bash", ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "/t/s.sh")),
        ("sh", ("sh", "-e", "/t/s.sh")),
        ("python", ("python", "/t/s.py")),
        ("pwsh", ("pwsh", "-command", ". '/t/s.ps1'")),
        ("perl {0}", ("perl", "/t/s")),
        ("bash -l -c 'source {0}'", ("bash", "-l", "-c", "source /t/s")),
    ],
)
def test_a_script_is_called_as_the_official_runner_calls_it(shell: str | None, argv: tuple[str, ...]) -> None:
    assert make_script("x", shell=shell, stem="/t/s").argv == argv


@pytest.mark.parametrize("shell", ["fish", "cmd", "powershell", "perl '{0}", "bash -x"])
def test_what_cannot_run_a_script_is_refused(shell: str) -> None:
    with pytest.raises(ShellInvalid, match="shell"):
        make_script("x", shell=shell, stem="/t/s")


def test_windows_line_ends_do_not_reach_the_shell() -> None:
    assert make_script("a\r\nb", shell="bash", stem="/t/s").text == "a\nb\n"
