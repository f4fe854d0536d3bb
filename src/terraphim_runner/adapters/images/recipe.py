"""Recipes: what an image is made of, as its author writes it."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_OWNER = re.compile(r"root|runner|[0-9]{1,9}:[0-9]{1,9}")
_OCTAL = re.compile(r"0?[0-7]{3,4}")
RUNNER_ID = 1001

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
_Package = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?(=[^\s,]+)?$")]


class RecipeFile(BaseModel):
    """A file the recipe puts into the image."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    path: str
    content: str
    mode: str = "0644"
    owner: str = "root"

    @field_validator("path")
    @classmethod
    def _path_is_absolute(cls, path: str) -> str:
        parts = path.split("/")
        if not path.startswith("/") or path.endswith("/") or not {"", ".", ".."}.isdisjoint(parts[1:]):
            raise ValueError("must be an absolute path without '.', '..' or '//', such as \"/etc/pip.conf\"")
        return path

    @field_validator("mode")
    @classmethod
    def _mode_is_octal(cls, mode: str) -> str:
        if not _OCTAL.fullmatch(mode):
            raise ValueError('must be an octal mode in quotes, such as "0755"')
        return mode

    @field_validator("owner")
    @classmethod
    def _owner_is_known(cls, owner: str) -> str:
        if not _OWNER.fullmatch(owner):
            raise ValueError('must be "root", "runner" or numbers such as "1001:1001"')
        return owner

    @property
    def permissions(self) -> int:
        return int(self.mode, 8)

    @property
    def owner_ids(self) -> tuple[int, int]:
        """The numeric user and group."""
        match self.owner:
            case "root":
                return 0, 0
            case "runner":
                return RUNNER_ID, RUNNER_ID
            case numbers:
                user, _, group = numbers.partition(":")
                return int(user), int(group)


class Recipe(BaseModel):
    """What an image is made of, beside what the builder puts into every image."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: _Name
    suite: _Name
    packages: Annotated[tuple[_Package, ...], Field(strict=False)] = ()
    commands: Annotated[tuple[str, ...], Field(strict=False)] = ()
    files: Annotated[tuple[RecipeFile, ...], Field(strict=False)] = ()
    host_ca_certificates: bool = True
    size_mib: Annotated[int, Field(ge=512, le=1 << 20)] = 2048

    def canonical(self) -> bytes:
        """Give the same bytes for recipes that mean the same, however their files are laid out."""
        meaning = self.model_dump(mode="json")
        meaning["packages"] = sorted(set(self.packages))
        return json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode()


def parse_recipe(text: str, source: str) -> Recipe:
    """Read a recipe; `source` names it in messages.

    Raises:
        UsageError: it is not TOML or not a recipe; every fault is listed, with its key.
    """
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as exc:
        raise UsageError(f"{source}: not valid TOML: {exc}", hint="Mend the file's syntax.") from exc
    except ValidationError as exc:
        faults = "\n".join(f"{source}: {_describe(fault)}" for fault in exc.errors(include_url=False))
        raise UsageError(faults, hint=f"A recipe's keys are: {', '.join(Recipe.model_fields)}.") from exc


def _describe(fault: ErrorDetails) -> str:
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in fault["loc"]).lstrip(".")
    match fault["type"]:
        case "extra_forbidden":
            known = RecipeFile.model_fields if len(fault["loc"]) > 1 else Recipe.model_fields
            return f"unknown key {key!r}; the keys here are {', '.join(known)}"
        case "missing":
            return f"key {key!r} is missing"
        case "value_error":
            return f"{key}: {fault['ctx']['error']}"
        case _:
            return f"{key}: {fault['msg'][:1].lower()}{fault['msg'][1:]}, not {fault['input']!r}"
