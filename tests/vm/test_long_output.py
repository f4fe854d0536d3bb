"""A step that prints very much in a VM: `make long-output` does it with 1 GiB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.contract.long_output import check_flood

if TYPE_CHECKING:
    from pathlib import Path

    from terraphim_runner.ports.image import ImageStore

pytestmark = pytest.mark.vm


def test_p8_p9_a_flood_from_a_vm_is_complete_in_order_masked_and_takes_bounded_memory(
    tmp_path: Path, images: ImageStore, template_dir: Path
) -> None:
    image = images.find("debian-12")
    if not (template_dir / "images").exists():
        (template_dir / "images").symlink_to(image.kernel.parent.parent)
    vm_type = {"image": image.digest, "cpus": 2, "memory_mib": 1024, "disk_mib": 1024}
    settings = {
        "TERRAPHIM_PROVIDER": "qemu",
        "TERRAPHIM_DATA_DIR": str(template_dir),
        "TERRAPHIM_VM_TYPES": json.dumps({"default": vm_type}),
    }
    check_flood(tmp_path, settings, mib=16)
