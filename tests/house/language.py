"""Everything that the workflow language has, as this code knows it: `docs/compatibility.md` has to speak of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from terraphim_runner.executor.github_context import (
    _VARIABLES,
    COMMAND_FILES,
    JobPlace,
    default_environment,
    github_environment,
    runner_context,
    runner_environment,
)
from terraphim_runner.executor.workflow_command import COMMANDS
from terraphim_runner.expressions.shape import CONTEXTS
from terraphim_runner.expressions.signature import BUILT_IN, OUTSIDE
from terraphim_runner.workflow.action_shape import action_shape
from terraphim_runner.workflow.workflow_shape import WORKFLOW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from terraphim_runner.expressions.shape import Shape as ContextShape
    from terraphim_runner.workflow.shape import Shape

REFERENCE = Path(__file__).parents[3] / "shared" / "conformance" / "reference" / "languageservices"

# What a runner, actions and GitHub say to each other beside that.
_PROTOCOLS = (
    "annotations", "artifacts", "cache", "cancellation", "job summaries", "OIDC tokens", "problem matchers",
    "secret masking", "step debug logging", "the token's permissions",
)  # fmt: skip

_PLACE = JobPlace("/work/repository", "/temp", "/tools", "/scratch")


def sections() -> dict[str, set[str]]:
    """Give what each table of the page has to have a row for."""
    return {
        "Workflow files": set(_keys(WORKFLOW, "")),
        "Action files": set(_keys(action_shape("any of them"), "")),
        "Contexts": set(_properties(CONTEXTS, "")),
        "Functions": {signature.name for signature in (*BUILT_IN, *OUTSIDE)},
        "Workflow commands": set(COMMANDS),
        "Environment variables": _variables(),
        "Protocols": set(_PROTOCOLS),
    }


def _keys(shape: Shape, path: str) -> Iterator[str]:
    """Name each key by its path: `jobs.<name>.steps[].run`."""
    for record in shape.records:
        inner = [(f"{path}.{key}" if path else key, below) for key, below in record.keys.items()]
        for name, below in inner:
            yield name
            yield from _keys(below, name)
        if record.loose is not None:
            yield from _keys(record.loose, f"{path}.<name>")
    if shape.items is not None:
        yield from _keys(shape.items, f"{path}[]")


def _properties(shape: ContextShape, path: str) -> Iterator[str]:
    """Name each property of a context by its path: `steps.<name>.outcome`."""
    for name, inner in (shape or {}).items():
        below = f"{path}.{'<name>' if name == '*' else name}" if path else name
        if name != "*":
            yield below
        yield from _properties(inner, below)


def documented_properties() -> set[tuple[str, str]]:
    """Give what GitHub's own editor knows of contexts, as contexts and names, where that is at hand."""
    path = REFERENCE / "descriptions.json"
    described: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    contexts = [name for name in described if name not in {"$schema", "root", "functions", "secrets"}]
    return {(context, name.rpartition(".")[2]) for context in contexts for name in described[context]}


def _variables() -> set[str]:
    github = dict.fromkeys(_VARIABLES, "")
    runner = runner_context(_PLACE, name="vm-1.g1", architecture="X64")
    defaults = default_environment(image="debian-12", tracking_id="")
    return {*github_environment(github), *runner_environment(runner), *defaults, *COMMAND_FILES.values()}


def documented_keys() -> set[str]:
    """Give every key of GitHub's own schemas, by its name alone, where they are at hand."""
    names: set[str] = set()
    for schema in ("workflow-v1.0.json", "action-v1.0.json"):
        path = REFERENCE / schema
        if path.exists():
            for definition in json.loads(path.read_text(encoding="utf-8"))["definitions"].values():
                names |= definition.get("mapping", {}).get("properties", {}).keys()
    return names
