"""Templates are lent, discarded when they do not work, and go with their image."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from terraphim_runner.adapters.memory.clock import ManualClock
from terraphim_runner.adapters.qemu import template_shelf, template_store
from terraphim_runner.adapters.qemu.slot import Slots
from terraphim_runner.adapters.qemu.template_shelf import TemplateShelf, remove_templates_of
from terraphim_runner.domain.vm_type import VmType
from terraphim_runner.link.conversation import Agent, Conversation
from terraphim_runner.ports.image import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

GUEST = template_store.FrozenGuest({}, Conversation(Agent("test", 1, 1, "boot", "3.11"), 1, 1, 0))


class Shelf(TemplateShelf):
    """A shelf whose templates need no machine."""

    async def _make(self, blueprint: Any, directory: Path) -> None:
        scratch = directory.with_suffix(".new")
        scratch.mkdir()
        for name in (template_store.MEMORY, template_store.DEVICE_STATE, template_store.DISK):
            (scratch / name).write_bytes(b"x" * 4096)
        template_store.finish(scratch, directory, {"image": blueprint.image.digest}, GUEST)


@pytest.fixture
def blueprint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a template is made of, as far as a shelf looks at it."""
    monkeypatch.setattr(template_shelf, "ingredients", lambda blueprint: {"image": blueprint.image.digest})
    directory = tmp_path / "image"
    directory.mkdir()
    image = Image(
        "debian-12",
        "digest",
        kernel=directory / "kernel",
        initramfs=directory / "initramfs",
        root_disk=directory / "root",
        size_bytes=1,
        built_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return SimpleNamespace(image=image, vm_type=VmType("small", "debian-12", cpus=1, memory_mib=1, disk_mib=1))


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    """A shelf with nothing on it."""
    shelf = Shelf(tmp_path / "templates", Slots(tmp_path / "slots"), ManualClock(), lambda _: None)
    yield shelf
    shelf.close()
    assert open_files("template-memory") == 0


def open_files(name: str) -> int:
    """Count the descriptors of this process for files of a name."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found += name in descriptor.readlink().name
    return found


@pytest.mark.anyio
async def test_a_discarded_template_is_kept_until_the_last_clone_of_it_has_started(
    shelf: Shelf, blueprint: Any
) -> None:
    """And no longer: it is as large as a machine's memory."""
    async with shelf.lend(blueprint) as first:
        async with shelf.lend(blueprint) as same:
            assert same is first
            await shelf.discard(blueprint, first)
            async with shelf.lend(blueprint) as other:
                assert other is not first
        assert open_files("template-memory") == 2

    assert open_files("template-memory") == 1
    assert shelf.loaded == [other]


@pytest.mark.anyio
async def test_a_template_is_not_discarded_for_one_that_was(shelf: Shelf, blueprint: Any) -> None:
    """Two whose clones of the same template failed discard that one, and not what a third has made since."""
    async with shelf.lend(blueprint) as broken:
        await shelf.discard(blueprint, broken)
        async with shelf.lend(blueprint) as good:
            await shelf.discard(blueprint, broken)
        async with shelf.lend(blueprint) as still:
            assert still is good


@pytest.mark.anyio
async def test_an_image_is_held_once_however_many_templates_are_made_of_it(shelf: Shelf, blueprint: Any) -> None:
    """Each took a descriptor until the provider was left."""
    for _ in range(3):
        async with shelf.lend(blueprint) as template:
            await shelf.discard(blueprint, template)

    assert open_files("image") == 1


@pytest.mark.anyio
async def test_a_shelf_may_be_closed_before_what_it_lent_is_given_back(shelf: Shelf, blueprint: Any) -> None:
    """The provider's tasks end first, and those who asked for a clone learn that afterwards."""
    async with shelf.lend(blueprint):
        shelf.close()


def test_the_templates_of_a_removed_image_are_removed(tmp_path: Path) -> None:
    """With their locks; those of other images, and what cannot be read, stay."""
    for key, manifest in {"a": "one", "b": "one", "c": "two", "d": None}.items():
        (tmp_path / key).mkdir()
        (tmp_path / f"{key}.lock").touch()
        content = "{" if manifest is None else json.dumps({"ingredients": {"image": manifest}})
        (tmp_path / key / "manifest.json").write_text(content)

    assert remove_templates_of(tmp_path, "one") == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c", "c.lock", "d", "d.lock"]


def test_there_may_be_no_templates_at_all(tmp_path: Path) -> None:
    """Not even a directory of them."""
    assert remove_templates_of(tmp_path / "templates", "one") == 0
