"""The images on this machine."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.adapters.images import shelf
from terraphim_runner.adapters.images.blueprint import read_blueprint
from terraphim_runner.adapters.images.manifest import INITRAMFS, KERNEL, MANIFEST, ROOT_DISK, Manifest
from terraphim_runner.adapters.images.tool import access_reported
from terraphim_runner.domain.errors import ImageMissing, UsageError
from terraphim_runner.ports.image import Image

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.adapters.images.recipe_book import RecipeBook

_DIGEST_PREFIX = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class StoredImage:
    """An image and what is known of it."""

    image: Image
    manifest: Manifest


def read_image(image_dir: Path) -> StoredImage | None:
    """Read an image's directory; `None` if there is none or it is damaged."""
    try:
        manifest = Manifest.from_json((image_dir / MANIFEST).read_text(encoding="utf-8"))
        kernel, initramfs, root_disk = (image_dir / name for name in (KERNEL, INITRAMFS, ROOT_DISK))
        size = sum(path.stat().st_blocks * 512 for path in (kernel, initramfs, root_disk))
    except (OSError, ValueError, TypeError):
        return None
    image = Image(manifest.name, manifest.digest, kernel, initramfs, root_disk, size, manifest.built_at)
    return StoredImage(image, manifest)


@dataclass(frozen=True, slots=True)
class LocalImageStore:
    """Implements `ports.image.ImageStore` on a directory.

    An image is not removed while someone holds a shared `flock` on its directory: hold one for as long as its
    files may still have to be opened.
    """

    images_dir: Path
    recipes: RecipeBook

    def find(self, name: str) -> Image:
        """See the port."""
        if name not in self.recipes.names() and _DIGEST_PREFIX.fullmatch(name):
            return self.inspect(name).image
        recipe = self.recipes.find(name)
        stored = read_image(self.images_dir / read_blueprint(recipe).digest)
        if stored is None:
            older = any(other.image.name == recipe.name for other in self.list())
            raise ImageMissing(
                f"the image {name!r} has {'changed since it was built' if older else 'not been built'}",
                hint=f"terraphim-runner image build {name}",
            )
        return stored.image

    def list(self) -> list[StoredImage]:
        """List all images, newest first, whether or not they are their recipes' latest.

        Raises:
            HostError: this user may not look at the directory.
        """
        with access_reported(self.images_dir):
            found = [read_image(path) for path in self.images_dir.glob("[0-9a-f]*") if path.is_dir()]
        return sorted((image for image in found if image), key=lambda stored: stored.image.built_at, reverse=True)

    def is_current(self, image: Image) -> bool:
        """Tell whether the image is what its recipe would be built to now."""
        try:
            return read_blueprint(self.recipes.find(image.name)).digest == image.digest
        except UsageError:
            return False

    def inspect(self, name: str) -> StoredImage:
        """Find an image by its recipe's name (the latest build) or a digest prefix of at least 8 characters.

        Raises:
            ImageMissing: there is none.
            UsageError: the prefix fits several.
        """
        by_digest = _DIGEST_PREFIX.fullmatch(name) is not None
        images = self.list()
        matching = [stored for stored in images if by_digest and stored.image.digest.startswith(name)]
        if len(matching) > 1:
            raise UsageError(f"{name!r} fits {len(matching)} images", hint="Give more of the digest.")
        matching = matching or [stored for stored in images if stored.image.name == name]
        if not matching:
            raise ImageMissing(f"there is no image {name!r}", hint="terraphim-runner image list")
        return matching[0]

    def remove(self, name: str) -> StoredImage:
        """Remove an image, found as by `inspect`, and tell which it was.

        Raises:
            UsageError: a virtual machine or template uses it.
        """
        stored = self.inspect(name)
        digest = stored.image.digest
        with access_reported(self.images_dir), shelf.exclusive(self.images_dir, digest, on_wait=_no_word):
            withdrawn = shelf.withdraw(self.images_dir / digest)
            if withdrawn is None:
                raise UsageError(f"the image {name!r} is in use", hint="Stop the runs that use it first.")
            shutil.rmtree(withdrawn)
        return stored


def _no_word() -> None:
    pass
