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
        ('bash -l -c "source {0}"', ("bash", "-l", "-c", "source /t/s.sh")),
        ("bash -x {0}", ("bash", "-x", "/t/s.sh")),
        ("/bin/bash {0}", ("/bin/bash", "/t/s")),
        ("perl -e '1 {{x}}' {0}", ("perl", "-e", "'1", "{x}'", "/t/s")),
    ],
)
def test_a_script_is_called_as_the_official_runner_calls_it(shell: str | None, argv: tuple[str, ...]) -> None:
    assert make_script("x", shell=shell, stem="/t/s").argv == argv


@pytest.mark.parametrize("shell", ["fish", "cmd", "powershell", "bash -x", "/bin/bash", "awk {x} {0}"])
def test_what_cannot_run_a_script_is_refused(shell: str) -> None:
    with pytest.raises(ShellInvalid, match="shell"):
        make_script("x", shell=shell, stem="/t/s")


def test_a_script_is_what_the_author_wrote() -> None:
    assert make_script("a\r\nb", shell="bash", stem="/t/s").text == "a\r\nb"


def test_powershell_stops_at_the_first_error_and_ends_with_the_last_programs_code() -> None:
    text = make_script("a", shell="pwsh", stem="/t/s").text

    assert text.startswith("$ErrorActionPreference = 'stop'\na\n")
    assert text.endswith("exit $LASTEXITCODE }")
