"""The store finds images as their recipes are now, and says what to do when there is none."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from terraphim_runner.adapters.images.blueprint import read_blueprint
from terraphim_runner.adapters.images.manifest import INITRAMFS, KERNEL, MANIFEST, ROOT_DISK, Manifest
from terraphim_runner.adapters.images.recipe_book import RecipeBook
from terraphim_runner.adapters.images.store import LocalImageStore
from terraphim_runner.domain.errors import ImageMissing, UsageError

if TYPE_CHECKING:
    from pathlib import Path

RECIPE = 'name = "small"\nsuite = "bookworm"\nhost_ca_certificates = false\n'
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> LocalImageStore:
    """An empty store whose operator has one recipe."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "recipes/small.toml").write_text(RECIPE)
    return LocalImageStore(tmp_path / "images", RecipeBook(tmp_path / "recipes"))


def put(store: LocalImageStore, digest: str, age_days: int = 0) -> str:
    image_dir = store.images_dir / digest
    image_dir.mkdir()
    for name in (KERNEL, INITRAMFS, ROOT_DISK):
        (image_dir / name).write_bytes(b"x")
    manifest = Manifest("small", digest, "bookworm", "6.1", EPOCH - timedelta(days=age_days), 1.0, {}, {})
    (image_dir / MANIFEST).write_text(manifest.to_json())
    return digest


def put_current(store: LocalImageStore) -> str:
    return put(store, read_blueprint(store.recipes.find("small")).digest)


def test_an_image_never_built_is_missing_and_the_hint_builds_it(store: LocalImageStore) -> None:
    with pytest.raises(ImageMissing, match="has not been built") as caught:
        store.find("small")

    assert caught.value.hint == "terraphim-runner image build small"


def test_an_unknown_name_is_a_usage_error_that_lists_the_known(store: LocalImageStore) -> None:
    with pytest.raises(UsageError) as caught:
        store.find("smal")

    assert "debian-12, small" in str(caught.value.hint)


def test_the_current_build_is_found_by_name_path_and_digest(store: LocalImageStore) -> None:
    digest = put_current(store)
    path = str(store.recipes.own_recipes_dir / "small.toml")

    assert {store.find(name).digest for name in ("small", path, digest, digest[:8])} == {digest}


def test_an_older_build_is_not_it(store: LocalImageStore) -> None:
    put(store, "ab" * 32)

    with pytest.raises(ImageMissing, match="has changed since it was built"):
        store.find("small")


def test_a_changed_recipe_makes_its_build_old(store: LocalImageStore) -> None:
    digest = put_current(store)
    (store.recipes.own_recipes_dir / "small.toml").write_text(RECIPE + 'packages = ["git"]\n')

    with pytest.raises(ImageMissing):
        store.find("small")
    assert not store.is_current(store.find(digest))


@pytest.mark.parametrize("name", [KERNEL, INITRAMFS, ROOT_DISK, MANIFEST])
def test_a_damaged_image_is_no_image(store: LocalImageStore, name: str) -> None:
    (store.images_dir / put_current(store) / name).unlink()

    with pytest.raises(ImageMissing):
        store.find("small")


def test_all_images_are_listed_newest_first(store: LocalImageStore) -> None:
    put(store, "cd" * 32, age_days=2)
    put(store, "ab" * 32, age_days=1)

    assert [stored.image.digest[:2] for stored in store.list()] == ["ab", "cd"]


def test_a_prefix_that_fits_two_images_is_refused(store: LocalImageStore) -> None:
    put(store, "ab" * 31 + "cd")
    put(store, "ab" * 32)

    with pytest.raises(UsageError, match="fits 2 images"):
        store.inspect("abababab")


def test_a_removed_image_is_gone(store: LocalImageStore) -> None:
    digest = put_current(store)

    assert store.remove("small").image.digest == digest
    assert list(store.images_dir.iterdir()) == []


def test_an_image_in_use_stays(store: LocalImageStore) -> None:
    handle = os.open(store.images_dir / put_current(store), os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    try:
        with pytest.raises(UsageError, match="in use"):
            store.remove("small")
    finally:
        os.close(handle)

    assert store.find("small").name == "small"


def test_a_recipe_whose_file_has_another_name_is_refused(store: LocalImageStore) -> None:
    (store.recipes.own_recipes_dir / "large.toml").write_text(RECIPE)

    with pytest.raises(UsageError, match=r"name: is 'small', but the file is called 'large'"):
        store.recipes.find("large")


def test_the_shipped_recipe_is_sound(store: LocalImageStore) -> None:
    recipe = store.recipes.find("debian-12")

    assert {"bash", "git", "curl", "jq", "tar", "xz-utils", "zstd", "python3-venv"} <= set(recipe.packages)
