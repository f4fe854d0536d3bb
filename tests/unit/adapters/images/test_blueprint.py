"""The digest changes with everything that changes the image, and with nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from terraphim_runner.adapters.images.apt_source import AptSource
from terraphim_runner.adapters.images.blueprint import Blueprint
from terraphim_runner.adapters.images.node_runtime import NodeRuntime
from terraphim_runner.adapters.images.recipe import Recipe
from terraphim_runner.adapters.images.tree_file import TreeFile

RECIPE = Recipe(name="small", suite="bookworm", packages=("git",))
FILES = (TreeFile("/a", b"1"), TreeFile("/b", b"2"))
BLUEPRINT = Blueprint(RECIPE, FILES, ())


def test_the_digest_is_the_same_for_the_same_image() -> None:
    same = Blueprint(Recipe(name="small", suite="bookworm", packages=("git", "git")), FILES[::-1], ())

    assert same.digest == BLUEPRINT.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(BLUEPRINT, recipe=RECIPE.model_copy(update={"suite": "trixie"})),
        replace(BLUEPRINT, recipe=RECIPE.model_copy(update={"commands": ("true",)})),
        replace(BLUEPRINT, recipe=RECIPE.model_copy(update={"size_mib": 4096})),
        replace(BLUEPRINT, files=(FILES[0], TreeFile("/b", b"3"))),
        replace(BLUEPRINT, files=(FILES[0], TreeFile("/b", b"2", mode=0o755))),
        replace(BLUEPRINT, files=(FILES[0], TreeFile("/b", b"2", owner=(1, 1)))),
        replace(BLUEPRINT, files=(FILES[0],)),
        replace(BLUEPRINT, runtimes=(NodeRuntime("node20", "20.1.0", "ab"),)),
        replace(BLUEPRINT, sources=(AptSource(("http://m.example",), ("bookworm",), ("main",)),)),
    ],
)
def test_the_digest_is_another_for_another_image(other: Blueprint) -> None:
    assert other.digest != BLUEPRINT.digest


def test_what_the_agent_needs_is_in_every_image() -> None:
    assert {"python3", "sudo", "e2fsprogs", "linux-image-cloud-amd64", "git"} <= set(BLUEPRINT.packages)


def test_commands_run_last_and_keep_their_quotes() -> None:
    recipe = RECIPE.model_copy(update={"commands": ("echo 'a b' | tee /x",)})
    last = Blueprint(recipe, (), ()).scripts[1].splitlines()[-1]

    assert last.endswith("bash -euo pipefail -c 'echo '\"'\"'a b'\"'\"' | tee /x'")
