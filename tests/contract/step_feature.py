"""A repository whose workflow checks what steps can do, and what its run must have told."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

_TEXT = Path(__file__).with_name("step_features.yml")
_MATCHER = {"owner": "mine", "pattern": [{"regexp": r"^(\S+):(\d+): (.+)$", "file": 1, "line": 2, "message": 3}]}


def write_repository(repository: Path) -> None:
    """Fill it with its workflow and the files that this looks at."""
    (repository / "sub").mkdir()
    (repository / "sub/a.lock").write_text("lock\n")
    (repository / "sub/matcher.json").write_text(json.dumps({"problemMatcher": [_MATCHER]}))
    digest = hashlib.sha256(hashlib.sha256(b"lock\n").digest()).hexdigest()
    text = _TEXT.read_text().replace("HASH-", f"{digest}-")
    (repository / ".github/workflows/ci.yml").write_text(text)


def check_events(output: str, code: int) -> None:
    """Look at the events of a run of it."""
    events: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    result = events[-1]
    bad = {"failure", "cancelled"}
    failed = [(step["name"], step["reason"]) for step in result["jobs"][0]["steps"] if step["conclusion"] in bad]
    assert [name for name, _ in failed] == ["A server"], failed
    assert (code, result["conclusion"], result["error"]) == (0, "success", None)

    told = [(each["level"], each["message"]) for each in events if each["event"] == "annotation"]
    assert ("error", "too long") in told
    assert ("notice", "remember") in told
    (place,) = [
        each["place"] for each in events if each["event"] == "annotation" and each["message"] == "too long"
    ]
    assert (place["file"], place["line"]) == ("src/a.py", 7)
    assert [each["text"] for each in events if each["event"] == "step_summary"] == ["# Done"]
    assert [step["number"] for step in result["jobs"][0]["steps"]] == list(range(1, 24))
