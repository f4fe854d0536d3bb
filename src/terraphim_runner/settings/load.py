"""From the sources to one checked `Settings`, or every fault at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from terraphim_runner.domain.errors import UsageError
from terraphim_runner.settings import fault, source
from terraphim_runner.settings.model import Settings
from terraphim_runner.settings.source import CONFIG_VARIABLE, Source, Values, merge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from terraphim_runner.settings.host import HostCapacity

DEFAULT_VM_TYPE = "default"
DEFAULT_LABELS = (
    "self-hosted",
    "linux",
    "x64",
    "ubuntu-latest",
    "ubuntu-24.04",
    "ubuntu-22.04",
    "debian-12",
    "debian-latest",
)


def load_settings(flags: Mapping[str, object], environ: Mapping[str, str], host: HostCapacity) -> Settings:
    """Merge the sources and check the result.

    Raises:
        UsageError: something is wrong; the message names every fault, each by its flag, variable or file and key.
    """
    sources = [
        source.from_flags(flags),
        source.from_environ(environ),
        source.from_toml(config_file(environ), is_required=bool(environ.get(CONFIG_VARIABLE))),
    ]
    merged = _defaults(environ)
    for each in reversed(sources):
        merged = merge(merged, each.values)
    _complete(merged)
    settings = _checked(merged, sources)
    return _sized(settings, host)


def config_file(environ: Mapping[str, str]) -> Path:
    """Tell which TOML file is read."""
    if chosen := environ.get(CONFIG_VARIABLE):
        return Path(chosen)
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"


def _defaults(environ: Mapping[str, str]) -> Values:
    return {
        "data_dir": _xdg(environ, "XDG_DATA_HOME", ".local/share"),
        "state_dir": _xdg(environ, "XDG_STATE_HOME", ".local/state"),
        "vm_types": {DEFAULT_VM_TYPE: {"image": "debian-12", "cpus": 2, "memory_mib": 2048, "disk_mib": 8192}},
        "labels": dict.fromkeys(DEFAULT_LABELS, DEFAULT_VM_TYPE),
    }


def _sized(settings: Settings, host: HostCapacity) -> Settings:
    """Fill in what follows from the machine's size where nothing is set."""
    sizes = settings.sized_labels
    cpus, memory_mib = sizes.max_cpus or host.cpus, sizes.max_memory_mib or host.memory_mib // 2
    update: dict[str, object] = {
        "sized_labels": sizes.model_copy(update={"max_cpus": cpus, "max_memory_mib": memory_mib})
    }
    if "max_concurrent_sessions" not in settings.model_fields_set:
        update["max_concurrent_sessions"] = host.cpus
    return settings.model_copy(update=update)


def _xdg(environ: Mapping[str, str], variable: str, fallback: str) -> Path:
    base = environ.get(variable, "")
    if base.startswith("/"):  # the specification says to ignore a relative one
        return Path(base, "terraphim-runner")
    return Path(environ.get("HOME") or Path.home(), fallback, "terraphim-runner")


def _complete(merged: Values) -> None:
    """Fill in what depends on other settings; a fault in those is left for the check to find."""
    tables = merged["vm_types"]
    if isinstance(tables, dict) and isinstance(tables.get(DEFAULT_VM_TYPE), dict):
        default = tables[DEFAULT_VM_TYPE]
        merged["vm_types"] = {
            name: merge(default, table) if isinstance(table, dict) else table for name, table in tables.items()
        }
    if isinstance(merged["labels"], dict):
        merged["labels"] = {label.lower(): name for label, name in merged["labels"].items()}


def _checked(merged: Values, sources: Sequence[Source]) -> Settings:
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        raise _usage_error(fault.from_validation(error), sources) from error
    if faults := fault.contradictions(settings):
        raise _usage_error(faults, sources)
    return settings


def _usage_error(faults: Sequence[fault.Fault], sources: Sequence[Source]) -> UsageError:
    lines = [f"{_name_of(each.place, sources)}: {each.message}" for each in faults]
    if len(lines) == 1:
        return UsageError(lines[0])
    return UsageError(f"{len(lines)} settings are wrong\n" + "\n".join(f"  {line}" for line in lines))


def _name_of(place: source.Place, sources: Sequence[Source]) -> str:
    nearest = max(sources, key=lambda each: each.depth_of(place))  # the first of equals, so the strongest
    return nearest.name_of(place)
