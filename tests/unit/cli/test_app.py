"""The command line as a whole, as processes: what is imported matters here."""

from __future__ import annotations

import subprocess
import sys

import pytest

from terraphim_runner.cli.app import COMMANDS

_PROGRAM = "from terraphim_runner.cli.app import main; main()"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-c", _PROGRAM, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def test_help_names_every_command() -> None:
    """Each with a line of its own."""
    done = _run("--help")

    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str) -> None:
    """With its options; nothing is executed."""
    done = _run(name, "--help")

    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: terraphim-runner {name} ")


def test_the_version_is_the_packages() -> None:
    """For reports of bugs."""
    assert _run("--version").stdout.startswith("terraphim-runner 0.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [(["rnu"], "'run'"), (["run", "--evnt", "push"], "--event"), (["run", "--provider", "docker"], "'process'")],
)
def test_a_typo_is_answered_with_what_may_have_been_meant(arguments: list[str], expected: str) -> None:
    """On standard error, with the status for wrong usage."""
    done = _run(*arguments)

    assert done.returncode == 64
    assert expected in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_a_command_does_not_load_the_others() -> None:
    """Checking one file must not pay for the engine."""
    program = (
        "import sys\nfrom terraphim_runner.cli.app import app\n"
        "app(['validate', '--help'], standalone_mode=False)\n"
        "print([name for name in ('anyio', 'structlog', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
