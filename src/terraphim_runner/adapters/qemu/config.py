"""What the provider is told at construction."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from terraphim_runner.domain.network import Exceptions
from terraphim_runner.link.guest_link import LinkSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


# As root, VMMs run as users and groups FIRST_VMM_UID .. FIRST_VMM_UID + USER_COUNT, one for each slot of each
# state directory: in the range that systemd's UIDS-GIDS document lists as used by nobody.
FIRST_VMM_UID = 1_879_050_000
USER_COUNT = 1_000_000
MAX_SLOTS = 1000


class AcceleratorSetting(Enum):
    """What the operator asks for."""

    AUTO = "auto"  # KVM where it is measured to be fast, else TCG
    KVM = "kvm"
    TCG = "tcg"


class Accelerator(Enum):
    """What runs guest code."""

    KVM = "kvm"
    TCG = "tcg"


class BootSetting(Enum):
    """How VMs are obtained."""

    TEMPLATE = "template"  # cloned from a frozen template, made on first use
    ALWAYS = "always"  # booted from the image every time


@dataclass(frozen=True, slots=True)
class QemuConfig:
    """Where the provider keeps things and how it runs VMs."""

    data_dir: Path  # templates/ lives here
    state_dir: Path  # slots/qemu/, egress/ and accelerator.json live here
    accelerator: AcceleratorSetting = AcceleratorSetting.AUTO
    boot: BootSetting = BootSetting.TEMPLATE
    # Asked when it matters: what VMs with an open network may reach beyond what their type says.
    exceptions: Callable[[], Exceptions] = Exceptions
    program: str = "qemu-system-x86_64"
    first_uid: int = FIRST_VMM_UID
    boot_timeout_s: float = 60.0
    restore_timeout_s: float = 15.0
    release_timeout_s: float = 10.0
    link: LinkSettings = field(default_factory=LinkSettings)  # but for the handshake's timeout, which is one above
