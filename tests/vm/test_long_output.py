"""A step that prints very much in a VM: `make long-output` does it with 1 GiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.contract.long_output import check_flood

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.vm


def test_p8_p9_a_flood_from_a_vm_is_complete_in_order_masked_and_takes_bounded_memory(
    tmp_path: Path, qemu_settings: Callable[..., dict[str, str]]
) -> None:
    check_flood(tmp_path, qemu_settings(), mib=16)
