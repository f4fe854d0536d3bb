"""What every test gets."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Run async tests on asyncio, the one backend we support."""
    return "asyncio"
