"""Where recipes are found: a path, the operator's own directory, or those shipped here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from terraphim_runner.adapters.images.recipe import Recipe, parse_recipe
from terraphim_runner.domain.errors import UsageError

_SHIPPED = Path(__file__).parent / "recipes"


@dataclass(frozen=True, slots=True)
class RecipeBook:
    """Find recipes by name or path; the operator's own come before the shipped ones of the same name."""

    own_recipes_dir: Path

    def find(self, name: str) -> Recipe:
        """Read the recipe called `name`, or the file `name` if that has a slash or ends with `.toml`.

        Raises:
            UsageError: there is none, or it is faulty.
        """
        if "/" in name or name.endswith(".toml"):
            return self._read(Path(name))
        for directory in self._shelves():
            path = directory / f"{name}.toml"
            if os.access(path, os.F_OK):
                return self._read_named(path, name)
        raise UsageError(
            f"no image recipe is called {name!r}",
            hint=f"Recipes: {', '.join(self.names())}. Your own go into {self.own_recipes_dir}/<name>.toml.",
        )

    def names(self) -> tuple[str, ...]:
        """List the recipes' names, sorted."""
        return tuple(sorted({path.stem for shelf in self._shelves() for path in shelf.glob("*.toml")}))

    def _shelves(self) -> tuple[Path, Path]:
        return self.own_recipes_dir, _SHIPPED

    def _read_named(self, path: Path, name: str) -> Recipe:
        recipe = self._read(path)
        if recipe.name != name:
            raise UsageError(
                f"{path}: name: is {recipe.name!r}, but the file is called {name!r}",
                hint="Give the recipe and its file the same name.",
            )
        return recipe

    def _read(self, path: Path) -> Recipe:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as exc:
            raise UsageError(f"{path}: not UTF-8 text", hint="A recipe is a TOML file.") from exc
        except OSError as exc:
            raise UsageError(f"cannot read the recipe {path}: {exc.strerror}", hint="Check the path.") from exc
        return parse_recipe(text, str(path))
