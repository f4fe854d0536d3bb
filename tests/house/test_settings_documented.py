"""`docs/settings.md` says what the settings are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import DEFAULT_LABELS, load_settings
from terraphim_runner.settings.model import (
    PoolSettings,
    Settings,
    SizedLabelSettings,
    VmTypeSettings,
    WorkflowVmTypeSettings,
)

_PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
_ROWS = dict(re.findall(r"^\| `([\w.]+)` \| (.+?) \|", _PAGE, re.MULTILINE))


def test_every_setting_is_documented_and_nothing_else() -> None:
    """A setting without a row, and a row without a setting, fail."""
    tables = {f"vm_types.NAME.{name}" for name in VmTypeSettings.model_fields}
    tables |= {f"sized_labels.{name}" for name in SizedLabelSettings.model_fields}
    tables |= {f"workflow_vm_types.{name}" for name in WorkflowVmTypeSettings.model_fields}
    tables |= {f"pool.{name}" for name in PoolSettings.model_fields}

    assert set(_ROWS) == set(Settings.model_fields) | tables


def test_the_documented_defaults_are_the_real_ones() -> None:
    """Where a row names a value, it is what holds when nothing is set."""
    environ = {"XDG_DATA_HOME": "/data", "XDG_STATE_HOME": "/state", "HOME": "/home/none"}
    settings = load_settings({}, environ, HostCapacity(1, 1024)).model_dump(mode="json")
    real = settings | {f"vm_types.NAME.{key}": value for key, value in settings["vm_types"]["default"].items()}
    real |= {
        f"workflow_vm_types.{key}": field.default for key, field in WorkflowVmTypeSettings.model_fields.items()
    }
    real |= {f"sized_labels.{key}": value for key, value in settings["sized_labels"].items()}
    real |= {f"pool.{key}": value for key, value in settings["pool"].items()}
    documented = {name: cell.strip("`") for name, cell in _ROWS.items() if cell.startswith("`")}

    for name, value in documented.items():
        for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
            value = value.replace(f"${variable}", environ[variable])  # noqa: PLW2901
        assert value == (f"{real[name]:g}" if isinstance(real[name], float) else str(real[name])), name


def test_the_documented_labels_are_the_real_ones() -> None:
    """The sentence under "Labels" lists each."""
    sentence = _PAGE.partition("## Labels")[2].partition("lead to")[0]

    assert set(re.findall(r"`([\w.-]+)`", sentence)) == set(DEFAULT_LABELS)


def test_the_documented_example_is_accepted(tmp_path: Path) -> None:
    """Whoever copies it gets no error."""
    example = _PAGE.partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "config.toml").write_text(example, encoding="utf-8")
    environ = {"HOME": "/home/none", "TERRAPHIM_CONFIG": str(tmp_path / "config.toml")}

    settings = load_settings({}, environ, HostCapacity(8, 65536))

    assert tomllib.loads(example)["labels"].keys() <= settings.labels.keys()
