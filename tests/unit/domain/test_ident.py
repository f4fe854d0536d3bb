"""VM ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.ident import VmId


@given(st.integers(1), st.integers(1))
def test_what_is_printed_is_read_back(slot: int, generation: int) -> None:
    assert VmId.parse(str(VmId(slot, generation))) == VmId(slot, generation)


@pytest.mark.parametrize(
    "text", ["", "vm-0.g1", "vm-1.g0", "vm-1", "vm-01.g1", "VM-1.g1", "vm-1.g1 ", "../vm-1.g1"]
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a VM id"):
        VmId.parse(text)
