"""A step that prints very much, on the provider `process`: `make long-output` does it with 1 GiB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.long_output import check_flood

if TYPE_CHECKING:
    from pathlib import Path


def test_p8_p9_a_flood_of_output_is_complete_in_order_masked_and_takes_bounded_memory(tmp_path: Path) -> None:
    check_flood(tmp_path, {"TERRAPHIM_PROVIDER": "process"}, mib=64)
