"""An image's manifest: the file that tells what the others are, written last."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MANIFEST = "manifest.json"
KERNEL = "vmlinux"
INITRAMFS = "initramfs.cpio"
ROOT_DISK = "root.ext4"
LOG = "build.log"

_INSTALLED = re.compile(
    r"^Package: (?P<name>\S+)$(?:(?!^$)[\s\S])*?^Status: install ok installed$"
    r"(?:(?!^$)[\s\S])*?^Version: (?P<version>\S+)$",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is known of a built image."""

    name: str
    digest: str
    suite: str
    kernel_version: str
    built_at: datetime
    build_seconds: float
    packages: Mapping[str, str]
    runtimes: Mapping[str, str]  # for JavaScript actions: name and version

    def to_json(self) -> str:
        """Write it."""
        facts = asdict(self) | {"built_at": self.built_at.isoformat()}
        return json.dumps(facts, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is something else.
        """
        facts = json.loads(text)
        if isinstance(facts, dict):
            facts.setdefault("runtimes", {})  # images of before there were any
        if not isinstance(facts, dict) or facts.keys() != {field.name for field in fields(cls)}:
            raise ValueError("not an image's manifest")
        return cls(**facts | {"built_at": datetime.fromisoformat(facts["built_at"])})


def parse_dpkg_status(text: str) -> dict[str, str]:
    """Give the versions of the installed packages, from dpkg's own list."""
    return {match["name"]: match["version"] for match in _INSTALLED.finditer(text)}
