"""What is known about contexts before anything runs: which properties there are.

A shape is a mapping of property names to shapes, or `None` where nothing is known and anything goes. A
mapping is complete: another name is a mistake. The name `*` stands for every name that is not written out.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Shape: TypeAlias = "Mapping[str, Shape] | None"


def complete(names: str) -> Mapping[str, Shape]:
    """Make the shape that has these properties, given as words, and no others."""
    return MappingProxyType(dict.fromkeys(names.split()))


GITHUB = complete(
    "action action_path action_ref action_repository action_status actor actor_id api_url"
    " artifact_cache_size_limit base_ref env event event_name event_path graphql_url head_ref job output path"
    " ref ref_name ref_protected ref_type repository repository_id repository_owner repository_owner_id"
    " repository_visibility repositoryUrl retention_days run_attempt run_id run_number secret_source server_url"
    " sha state step_summary token triggering_actor workflow workflow_ref workflow_sha workspace"
)
RUNNER = complete("arch debug environment name os temp tool_cache workspace")
STRATEGY = complete("fail-fast job-index job-total max-parallel")
STEP: Shape = {"conclusion": None, "outcome": None, "outputs": None}
NEED: Shape = {"outputs": None, "result": None}
SERVICE = complete("id network ports")
JOB: Mapping[str, Shape] = {
    "check_run_id": None,
    "container": complete("id network"),
    "services": {"*": SERVICE},
    "status": None,
    "workflow_file_path": None,
    "workflow_ref": None,
    "workflow_repository": None,
    "workflow_sha": None,
}

CONTEXTS: Mapping[str, Shape] = MappingProxyType(
    {
        "github": GITHUB,
        "env": None,
        "vars": None,
        "job": JOB,
        "jobs": {"*": NEED},
        "steps": {"*": STEP},
        "runner": RUNNER,
        "secrets": None,
        "strategy": STRATEGY,
        "matrix": None,
        "needs": {"*": NEED},
        "inputs": None,
    }
)
