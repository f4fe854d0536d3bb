"""Where settings come from, and what each source calls them."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PREFIX = "TERRAPHIM_"
CONFIG_VARIABLE = "TERRAPHIM_CONFIG"

Values = dict[str, Any]
Place = tuple[str, ...]  # the keys that lead to a value: ("vm_types", "default", "cpus")


@dataclass(frozen=True, slots=True)
class Source:
    """Some settings and the way to name one of them to the one who wrote it."""

    values: Values
    name_of: Callable[[Place], str]

    def depth_of(self, place: Place) -> int:
        """Count how many keys of `place` lead somewhere here; all of them: the value is from here."""
        inner: Any = self.values
        for depth, key in enumerate(place):
            if not isinstance(inner, dict) or key not in inner:
                return depth
            inner = inner[key]
        return len(place)


def from_flags(flags: Mapping[str, object]) -> Source:
    """Take the flags that were given; None means it was not."""
    values = {key: value for key, value in flags.items() if value is not None}
    return Source(values, lambda place: "--" + place[0].replace("_", "-"))


def from_environ(environ: Mapping[str, str]) -> Source:
    """Take every `TERRAPHIM_*` variable that is not empty; `__` leads into a table, `{…}` and `[…]` are JSON."""
    values: Values = {}
    for name in sorted(environ):
        if name.startswith(PREFIX) and name != CONFIG_VARIABLE and environ[name]:
            *tables, key = name.removeprefix(PREFIX).lower().split("__")
            inner: Values = {key: _environ_value(name, environ[name])}
            for table in reversed(tables):
                inner = {table: inner}
            values = merge(values, inner)
    return Source(values, lambda place: PREFIX + "__".join(place).upper())


def from_toml(path: Path, *, is_required: bool) -> Source:
    """Read the file; where it is not required it may be absent.

    Raises:
        UsageError: it cannot be read, or is not TOML.
    """
    return Source(_read_toml(path, is_required=is_required), lambda place: f"{path}: {'.'.join(place)}")


def merge(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Values:
    """Lay `upper` over `lower`, table by table."""
    merged = dict(lower)
    for key, value in upper.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _environ_value(name: str, text: str) -> object:
    if not text.startswith(("{", "[")):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON: {error}") from error


def _read_toml(path: Path, *, is_required: bool) -> Values:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        if not is_required:
            return {}
        raise UsageError(f"there is no settings file {path}") from error
    except OSError as error:
        raise UsageError(f"cannot read the settings file {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from error
