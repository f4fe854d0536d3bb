"""Settings: precedence, faults, defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from terraphim_runner.domain.errors import UsageError
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.session.admission import WhenFull
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import load_settings
from terraphim_runner.settings.model import Accel, ProviderName, Settings
from terraphim_runner.workflow.sized_label import SizeRange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOST = HostCapacity(cpus=4, memory_mib=16384)


def _load(
    toml: str | None = None,
    *,
    tmp_path: Path,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
    host: HostCapacity = HOST,
) -> Settings:
    variables = {"HOME": str(tmp_path)} | dict(environ or {})
    if toml is not None:
        (tmp_path / "config.toml").write_text(toml)
        variables["TERRAPHIM_CONFIG"] = str(tmp_path / "config.toml")
    return load_settings(flags or {}, variables, host)


def _faults(toml: str | None = None, **arguments: object) -> str:
    with pytest.raises(UsageError) as raised:
        _load(toml, **arguments)  # type: ignore[arg-type]
    return str(raised.value)


def test_without_any_source_everything_has_a_default(tmp_path: Path) -> None:
    """A fresh machine needs no settings file."""
    settings = _load(tmp_path=tmp_path)

    assert settings.data_dir == tmp_path / ".local/share/terraphim-runner"
    assert settings.state_dir == tmp_path / ".local/state/terraphim-runner"
    assert settings.provider is ProviderName.QEMU
    assert settings.vm_types_by_label()["ubuntu-latest"] == VmType("default", "debian-12", 2, 2048, 8192)


def test_xdg_directories_are_obeyed_unless_they_are_relative(tmp_path: Path) -> None:
    """The specification says to ignore relative ones."""
    settings = _load(tmp_path=tmp_path, environ={"XDG_DATA_HOME": "/d", "XDG_STATE_HOME": "relative"})

    assert str(settings.data_dir) == "/d/terraphim-runner"
    assert settings.state_dir == tmp_path / ".local/state/terraphim-runner"


def test_the_file_under_xdg_config_home_is_read(tmp_path: Path) -> None:
    """The usual place needs no variable."""
    (tmp_path / "terraphim-runner").mkdir()
    (tmp_path / "terraphim-runner/config.toml").write_text('accel = "tcg"')

    assert _load(tmp_path=tmp_path, environ={"XDG_CONFIG_HOME": str(tmp_path)}).accel is Accel.TCG


def test_a_flag_beats_a_variable_beats_the_file(tmp_path: Path) -> None:
    """Each source is tried with the weaker ones present."""
    toml = 'accel = "kvm"\nprovider = "memory"\nwhen_full = "refuse"'
    settings = _load(
        toml,
        tmp_path=tmp_path,
        environ={"TERRAPHIM_ACCEL": "tcg", "TERRAPHIM_PROVIDER": "memory"},
        flags={"provider": "process", "accel": None},
    )

    assert settings.provider is ProviderName.PROCESS
    assert settings.accel is Accel.TCG
    assert settings.when_full is WhenFull.REFUSE


def test_a_variable_reaches_into_a_table(tmp_path: Path) -> None:
    """`__` separates the keys, and a whole table can be JSON."""
    settings = _load(
        "[vm_types.large]\ncpus = 8",
        tmp_path=tmp_path,
        environ={"TERRAPHIM_VM_TYPES__LARGE__MEMORY_MIB": "4096", "TERRAPHIM_LABELS": '{"GPU": "large"}'},
    )

    assert settings.vm_types_by_label()["gpu"] == VmType("large", "debian-12", 8, 4096, 8192)
    assert settings.labels["ubuntu-latest"] == "default"


def test_a_network_policy_is_read_from_the_file_or_a_variable(tmp_path: Path) -> None:
    """A list in a variable is JSON."""
    settings = _load(
        "[vm_types.default]\nnetwork = 'allowlist'\nnetwork_allow = ['pypi.org']",
        tmp_path=tmp_path,
        environ={"TERRAPHIM_VM_TYPES__OTHER__NETWORK_ALLOW": '["a.org:22", "host:80"]'},
    )

    assert str(settings.vm_type("default").network) == "allowlist (pypi.org)"
    assert str(settings.vm_type("other").network) == "allowlist (a.org:22, host:80)"


def test_a_vm_type_takes_from_the_default_type_what_it_leaves_out(tmp_path: Path) -> None:
    """Changing the default changes the others."""
    settings = _load("[vm_types.default]\nmemory_mib = 1024\n[vm_types.wide]\ncpus = 3", tmp_path=tmp_path)

    assert settings.vm_type("wide") == VmType("wide", "debian-12", 3, 1024, 8192)


def test_every_fault_is_said_at_once_with_its_source_and_key(tmp_path: Path) -> None:
    """Nobody has to mend one to see the next."""
    message = _faults(
        'max_concurent_sessions = 3\nwhen_full = "perhaps"\n[vm_types.big]\ncpus = 0\nram = 1',
        tmp_path=tmp_path,
        environ={"TERRAPHIM_ACCELL": "kvm", "TERRAPHIM_BOOT_TIMEOUT_S": "soon"},
        flags={"provider": "docker"},
    )

    file = tmp_path / "config.toml"
    assert message.splitlines()[0] == "7 settings are wrong"
    assert {line.strip() for line in message.splitlines()[1:]} == {
        f"{file}: max_concurent_sessions: there is no such setting; did you mean 'max_concurrent_sessions'?",
        f"{file}: when_full: must be 'wait' or 'refuse'",
        f"{file}: vm_types.big.cpus: must be at least 1",
        f"{file}: vm_types.big.ram: there is no such setting",
        "TERRAPHIM_ACCELL: there is no such setting; did you mean 'accel'?",
        "TERRAPHIM_BOOT_TIMEOUT_S: must be a number",
        "--provider: must be 'qemu', 'process' or 'memory'",
    }


def test_a_label_without_a_vm_type_is_a_fault(tmp_path: Path) -> None:
    """It would only show when a workflow asks for it."""
    message = _faults('labels.gpu = "larg"\n[vm_types.large]', tmp_path=tmp_path)

    assert message.endswith("config.toml: labels.gpu: there is no VM type 'larg'; did you mean 'large'?")


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("accel = ", "is not TOML"),
        ("vm_types = 3", "vm_types: must be a table"),
        ("labels = 3", "labels: must be a table"),
        ("vm_types.default = 3", "vm_types.default: must be a table"),
        ("vm_types.x.memory_mib = 'much'", "vm_types.x.memory_mib: must be a whole number"),
        ("vm_types.x.image = ''", "vm_types.x.image: must not be empty"),
        ("max_concurrent_sessions = 0", "max_concurrent_sessions: must be at least 1"),
        ("session_timeout_s = 0", "session_timeout_s: must be more than 0"),
        ("heartbeat_timeout_s = 2", "heartbeat_timeout_s: must be more than heartbeat_interval_s"),
        (
            "vm_types.x.network = 'closed'",
            "vm_types.x.network: must be 'none', 'allowlist', 'open' or 'unfiltered'",
        ),
        ("vm_types.x.network_allow = ['https://a.org']", "network_allow.0: 'https://a.org'"),
        ("sized_labels.vm_type = 'x'", "sized_labels.vm_type: there is no VM type 'x'"),
        ("workflow_vm_types = [{vm_type = 'x'}]", "workflow_vm_types.0.vm_type: there is no VM type 'x'"),
        ("sized_labels.max_cpu = 3", "sized_labels.max_cpu: there is no such setting; did you mean 'max_cpus'?"),
        ("cpu_overcommit = 0", "cpu_overcommit: must be more than 0"),
        ("state_dir = 'here'", "state_dir: must be an absolute path"),
        ("data_dir = 3", "data_dir: "),
    ],
)
def test_a_single_fault_is_one_line(tmp_path: Path, toml: str, expected: str) -> None:
    """The line names the file, the key and what it must be."""
    message = _faults(toml, tmp_path=tmp_path)

    assert expected in message
    assert "\n" not in message


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    """A typo in `TERRAPHIM_CONFIG` is not silence."""
    assert "there is no settings file" in _faults(tmp_path=tmp_path, environ={"TERRAPHIM_CONFIG": "/no/such"})


def test_an_empty_variable_names_no_file(tmp_path: Path) -> None:
    """As every empty variable, it counts as not set."""
    assert _load(tmp_path=tmp_path, environ={"TERRAPHIM_CONFIG": ""}).accel is Accel.AUTO


def test_a_variable_that_looks_like_json_and_is_not_is_a_fault(tmp_path: Path) -> None:
    """The message names the variable."""
    assert "TERRAPHIM_LABELS is not JSON" in _faults(tmp_path=tmp_path, environ={"TERRAPHIM_LABELS": "{gpu"})


def test_the_limits_follow_from_the_machine(tmp_path: Path) -> None:
    """One session for each core; labels may ask for its cores and half its memory."""
    settings = _load(tmp_path=tmp_path, host=HostCapacity(6, 8192))

    assert settings.max_concurrent_sessions == 6
    assert settings.size_range() == SizeRange(settings.vm_type("default"), 6, 4096, 65536)


def test_a_range_of_sizes_that_is_set_is_obeyed(tmp_path: Path) -> None:
    settings = _load(
        "[vm_types.x]\ncpus = 1\n"
        "[sized_labels]\nvm_type = 'x'\nmax_cpus = 3\nmax_memory_mib = 1024\nmax_disk_mib = 512",
        tmp_path=tmp_path,
    )

    assert settings.size_range() == SizeRange(settings.vm_type("x"), 3, 1024, 512)


def test_a_workflow_gets_the_vm_type_of_the_first_table_that_matches(tmp_path: Path) -> None:
    settings = _load(
        """
        [vm_types.large]
        cpus = 4
        [[workflow_vm_types]]
        workflow = "*/heavy.yml"
        repository = "octo/*"
        vm_type = "large"
        [[workflow_vm_types]]
        repository = "octo/hello"
        vm_type = "default"
        """,
        tmp_path=tmp_path,
    )

    def name(workflow: str, repository: str) -> str | None:
        vm_type = settings.vm_type_for(workflow=workflow, repository=repository)
        return None if vm_type is None else vm_type.name

    assert name(".github/workflows/heavy.yml", "octo/hello") == "large"
    assert name(".github/workflows/ci.yml", "octo/hello") == "default"
    assert name(".github/workflows/heavy.yml", "else/where") is None


def test_a_session_limit_that_is_set_is_obeyed(tmp_path: Path) -> None:
    """The machine's size is for those who say nothing."""
    assert _load("max_concurrent_sessions = 9", tmp_path=tmp_path).max_concurrent_sessions == 9


def test_a_pool_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """Unknown types, too small a maximum, unknown keys: each by its place."""
    assert "pool.min_idle.larg: there is no VM type 'larg'" in _faults(
        "[pool.min_idle]\nlarg = 1", tmp_path=tmp_path
    )
    told = _faults("[pool]\nmax_total = 1\nmin_idle = {default = 2}", tmp_path=tmp_path)
    assert "pool.max_total: must be at least the sum of pool.min_idle" in told
    assert "did you mean 'strategy'" in _faults("[pool]\nstrategi = 'lru'", tmp_path=tmp_path)
    assert "metrics_address: must be HOST:PORT" in _faults("metrics_address = 'everywhere'", tmp_path=tmp_path)
