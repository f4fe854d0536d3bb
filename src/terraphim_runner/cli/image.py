"""`terraphim-runner image`: build, list, inspect, remove what VMs boot."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from terraphim_runner.cli.build_progress import shown_progress
from terraphim_runner.cli.doctor import ReportFormat
from terraphim_runner.cli.duration import duration_text
from terraphim_runner.cli.phrase import count
from terraphim_runner.settings.host import HostCapacity
from terraphim_runner.settings.load import DEFAULT_VM_TYPE, load_settings
from terraphim_runner.wiring.image import image_builder, remove_image
from terraphim_runner.wiring.qemu import image_store, recipe_book

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from terraphim_runner.adapters.images.store import LocalImageStore, StoredImage
    from terraphim_runner.settings.model import Settings

_SHORT_DIGEST = 12

app = typer.Typer(
    help="Build, list, inspect and remove images: what virtual machines boot.",
    epilog="""\b
Examples:
  terraphim-runner image build                 the image of the VM type `default`
  terraphim-runner image build ./my.toml       a recipe of your own
  terraphim-runner image inspect debian-12 --output json | jq .packages
  terraphim-runner image remove 0f3a9c21""",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

OutputOption = Annotated[ReportFormat, typer.Option("--output", "-o", help="How it is printed.")]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="A name, or the first 8 or more characters of a digest.")
]


@app.command()
def build(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="A recipe's name, or a TOML file. Default: the VM type `default`'s image."
        ),
    ] = None,
) -> None:
    """Build an image, or find that it is there already.

    Takes a minute or two and some 500 MB below data_dir; packages come from the mirrors this machine uses.
    VMs of an older build keep it; new runs need the current one.
    """
    settings = _settings()
    found = recipe_book().find(recipe or settings.vm_type(DEFAULT_VM_TYPE).image)
    started_at = datetime.now(UTC)
    with shown_progress(found.name) as on_progress:
        image = image_builder(settings).build(found, on_progress)
    took = duration_text((datetime.now(UTC) - started_at).total_seconds())
    verb = f"built in {took}" if image.built_at >= started_at else "is up to date"
    typer.echo(f"{image.name} {image.digest[:_SHORT_DIGEST]} {verb}, {_size(image.size_bytes)}")


@app.command("list")
def list_images(output: OutputOption = ReportFormat.TEXT) -> None:
    """List the images on this machine, newest first."""
    store = image_store(_settings())
    images = store.list()
    if output is ReportFormat.JSON:
        typer.echo(json.dumps([_facts(stored, store) for stored in images], indent=2))
        return
    for line in _table(images, store):
        typer.echo(line)


@app.command()
def inspect(name: NameArgument, output: OutputOption = ReportFormat.TEXT) -> None:
    """Show what is known of an image."""
    store = image_store(_settings())
    stored = store.inspect(name)
    if output is ReportFormat.JSON:
        packages = {"packages": dict(stored.manifest.packages)}
        typer.echo(json.dumps(_facts(stored, store) | packages, indent=2))
        return
    facts = _facts(stored, store) | {
        "size": _size(stored.image.size_bytes),
        "build_seconds": duration_text(stored.manifest.build_seconds),
        "packages": len(stored.manifest.packages),
        "runtimes": ", ".join(f"{name} {version}" for name, version in stored.manifest.runtimes.items()) or "none",
    }
    for key, value in facts.items():
        typer.echo(f"{key.replace('_', ' '):<15} {value}")


@app.command()
def remove(
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Names, or the first 8 or more characters of digests.")
    ],
) -> None:
    """Remove images that no virtual machine uses, and the templates made of them. Exit status 64 if one does."""
    settings = _settings()
    for name in names:
        stored, templates = remove_image(settings, name)
        removed = stored.image
        freed = f"{_size(removed.size_bytes)} freed"
        also = f", and {count(templates, 'template')} made of it" if templates else ""
        typer.echo(f"{removed.name} {removed.digest[:_SHORT_DIGEST]} removed, {freed}{also}")


def _settings() -> Settings:
    return load_settings({}, os.environ, HostCapacity.measure())


def _facts(stored: StoredImage, store: LocalImageStore) -> dict[str, Any]:
    image, manifest = stored.image, stored.manifest
    paths = {name: str(getattr(image, name)) for name in ("kernel", "initramfs", "root_disk")}
    facts = asdict(manifest) | {"built_at": image.built_at.isoformat(timespec="seconds"), **paths}
    del facts["packages"]
    return facts | {"size_bytes": image.size_bytes, "is_current": store.is_current(image)}


def _table(images: Sequence[StoredImage], store: LocalImageStore) -> Iterator[str]:
    if not images:
        yield "There are no images yet: terraphim-runner image build"
        return
    width = max(len("NAME"), *(len(stored.image.name) for stored in images))
    yield f"{'NAME':<{width}}  {'DIGEST':<{_SHORT_DIGEST}}  {'SIZE':>8}  {'BUILT':<16}  PACKAGES"
    for stored in images:
        image = stored.image
        note = "" if store.is_current(image) else "  outdated"
        built = image.built_at.astimezone().strftime("%Y-%m-%d %H:%M")
        facts = f"{image.digest[:_SHORT_DIGEST]}  {_size(image.size_bytes):>8}  {built}"
        yield f"{image.name:<{width}}  {facts}  {len(stored.manifest.packages):>8}{note}"
    yield ""
    yield count(len(images), "image")


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.0f} MB" if size_bytes < 1e9 else f"{size_bytes / 1e9:.1f} GB"
