"""What a called workflow may do: no more than the job that calls it is granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.workflow.job import Access
from terraphim_runner.workflow.workflow_shape import PERMISSION_SCOPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from terraphim_runner.workflow.document import Workflow
    from terraphim_runner.workflow.job import CallJob, Permissions

    Grant = Mapping[str, Access] | None  # None: what the repository's settings say, and that nobody told us

_STRENGTH = {Access.NONE: 0, Access.READ: 1, Access.WRITE: 2}

# What GitHub grants where nothing is written, if the repository is set to "read".
LIMITED_READ = {"contents": Access.READ, "packages": Access.READ}


def granted(permissions: Permissions | None, inherited: Grant) -> Grant:
    """Give what is written, or else what is inherited; a scope that is not in it has no access."""
    return inherited if permissions is None else _levels(permissions)


def permission_faults(job: CallJob, called: Workflow, grant: Grant) -> Iterator[Diagnostic]:
    """Give an error for the called workflow, and each job of it, that asks for more than the calling job has."""
    if grant is None:
        return
    asking = [(f"The workflow '{called.file}'", called.permissions)]
    asking += [(f"The nested job '{each.name or each.id}'", each.permissions) for each in called.jobs]
    for who, permissions in asking:
        excess = {} if permissions is None else _excess(_levels(permissions), grant)
        if excess:
            asked = ", ".join(f"{scope}: {access.value}" for scope, access in excess.items())
            allowed = ", ".join(f"{scope}: {grant.get(scope, Access.NONE).value}" for scope in excess)
            message = (
                f"Error calling workflow '{called.file}'. {who} is requesting '{asked}', but is only allowed"
                f" '{allowed}'."
            )
            hint = f"grant it: write under `{job.id}`, permissions: {{{asked}}}"
            yield Diagnostic(job.id.span, Severity.ERROR, "permission-not-granted", message, hint)


def _excess(asked: Mapping[str, Access], grant: Mapping[str, Access]) -> dict[str, Access]:
    return {
        scope: access
        for scope, access in asked.items()
        if _STRENGTH[access] > _STRENGTH[grant.get(scope, Access.NONE)]
    }


def _levels(permissions: Permissions) -> Mapping[str, Access]:
    if permissions.all_scopes is None:
        return permissions.scopes
    return {scope: _strongest(scope, permissions.all_scopes) for scope in PERMISSION_SCOPES}


def _strongest(scope: str, wanted: Access) -> Access:
    """Give the most of what is wanted that the scope has: some can only be read, some only written."""
    choices = PERMISSION_SCOPES[scope].string
    names = () if choices is None or choices.choices is None else choices.choices
    levels = [access for access in Access if access.value in names and _STRENGTH[access] <= _STRENGTH[wanted]]
    return max(levels, key=lambda access: _STRENGTH[access])
