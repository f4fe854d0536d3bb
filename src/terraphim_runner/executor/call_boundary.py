"""What crosses the border between a workflow and one that it calls: secrets go in, outputs come out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from terraphim_runner.executor.record import NeedsRecord
from terraphim_runner.executor.scope import run_scope
from terraphim_runner.executor.verdict import worst
from terraphim_runner.expressions.value import Object, fold_case, to_string
from terraphim_runner.workflow.evaluation import evaluate_string, evaluate_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from terraphim_runner.workflow.event import WorkflowCall
    from terraphim_runner.workflow.job import CallJob

_TOKEN = fold_case("GITHUB_TOKEN")


def secrets_for(job: CallJob, contexts: Mapping[str, Any]) -> dict[str, str]:
    """Give the secrets that a called workflow is entitled to: all with `inherit`, else those the call names.

    The token is every workflow's own and always there. `contexts` are the calling leg's.

    Raises:
        WorkflowError: one cannot be evaluated.
    """
    known: Mapping[str, str] = contexts["secrets"]
    if job.inherit_secrets:
        return dict(known)
    given = {name: value for name, value in known.items() if fold_case(name) == _TOKEN}
    if job.secrets is not None:
        data = evaluate_value(job.secrets, run_scope(contexts))
        if isinstance(data, Object):
            given |= {name: to_string(item) for name, item in data.items()}
    return given


def record_of_call(
    trigger: WorkflowCall, jobs: Mapping[str, NeedsRecord], contexts: Mapping[str, Any]
) -> NeedsRecord:
    """Make the calling leg's entry of what the called jobs, by id, came to. `contexts` are the called workflow's.

    Raises:
        WorkflowError: an output cannot be evaluated.
    """
    results = {name: record.as_context() for name, record in jobs.items()}
    scope = run_scope({**contexts, "jobs": results})
    outputs = {output.name.value: evaluate_string(output.value, scope) for output in trigger.outputs}
    return NeedsRecord(worst(record.result for record in jobs.values()), outputs)
