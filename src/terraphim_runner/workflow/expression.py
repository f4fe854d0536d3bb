"""The one place where the workflow layer meets the expression engine."""

from __future__ import annotations

from typing import Any

Node = Any
