"""What is wrong with a setting, in words for the one who set it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terraphim_runner.settings.model import (
    PoolSettings,
    Settings,
    SizedLabelSettings,
    VmTypeSettings,
    WorkflowVmTypeSettings,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pydantic import BaseModel, ValidationError

    from terraphim_runner.settings.source import Place

_TABLES: dict[str, type[BaseModel]] = {
    "pool": PoolSettings,
    "vm_types": VmTypeSettings,
    "sized_labels": SizedLabelSettings,
    "workflow_vm_types": WorkflowVmTypeSettings,
}

# pydantic's kinds of errors in our words; what is not here is said in pydantic's.
_WORDS = {
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "string_type": "must be a text",
    "string_too_short": "must not be empty",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "path_type": "must be a path",
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be {expected}",
    "value_error": "{error}",
}


_FORMS = {"metrics_address": "must be HOST:PORT", "traces_endpoint": "must be an http or https address"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One wrong setting."""

    place: Place
    message: str


def from_validation(error: ValidationError) -> list[Fault]:
    """Say every fault that pydantic found."""
    return [
        Fault(place, _message(each["type"], each.get("ctx", {}), each["msg"], place))
        for each in error.errors()
        for place in [tuple(str(key) for key in each["loc"])]
    ]


def contradictions(settings: Settings) -> list[Fault]:
    """Find settings that are right alone and wrong together."""
    faults = [
        Fault(place, f"there is no VM type {name!r}{did_you_mean(name, settings.vm_types)}")
        for place, name in _named_vm_types(settings)
        if name not in settings.vm_types
    ]
    faults += [
        Fault(("pool", "min_idle", name), f"there is no VM type {name!r}{did_you_mean(name, settings.vm_types)}")
        for name in settings.pool.min_idle
        if name not in settings.vm_types
    ]
    if settings.pool.max_total is not None and settings.pool.max_total < sum(settings.pool.min_idle.values()):
        faults.append(Fault(("pool", "max_total"), "must be at least the sum of pool.min_idle"))
    if settings.heartbeat_timeout_s <= settings.heartbeat_interval_s:
        faults.append(Fault(("heartbeat_timeout_s",), "must be more than heartbeat_interval_s"))
    return faults


def _named_vm_types(settings: Settings) -> Iterator[tuple[Place, str]]:
    for label, name in settings.labels.items():
        yield ("labels", label), name
    yield ("sized_labels", "vm_type"), settings.sized_labels.vm_type
    for number, each in enumerate(settings.workflow_vm_types):
        yield ("workflow_vm_types", str(number), "vm_type"), each.vm_type


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean …?`, or nothing where no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _message(kind: str, context: Mapping[str, Any], message: str, place: Place) -> str:
    if kind == "extra_forbidden":
        return "there is no such setting" + did_you_mean(place[-1], _known_names(place))
    if kind == "string_pattern_mismatch":
        return _FORMS[place[-1]]
    words = _WORDS.get(kind)
    return words.format(**context) if words else message[:1].lower() + message[1:]


def _known_names(place: Place) -> Sequence[str]:
    model = _TABLES[place[0]] if len(place) > 1 else Settings
    return list(model.model_fields)
