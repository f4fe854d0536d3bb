"""An event's payload, from a file."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from terraphim_runner.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def read_payload(path: Path | None) -> Mapping[str, Any]:
    """Read the payload, from standard input for `-`; there is none without a file.

    Raises:
        UsageError: it cannot be read, or is no JSON object.
    """
    if path is None:
        return {}
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        payload = json.loads(text)
    except OSError as error:
        raise UsageError(f"cannot read the event file {path}: {error.strerror}") from error
    except RecursionError as error:
        raise UsageError(f"the event file {path} is nested too deeply") from error
    except ValueError as error:
        raise UsageError(f"the event file {path} is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise UsageError(f"the event file {path} must hold a JSON object", hint="the payload of the webhook")
    return payload
