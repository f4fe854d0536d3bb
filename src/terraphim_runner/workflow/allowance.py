"""Which contexts and functions GitHub gives to which part of a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an expression may use, besides what is the same everywhere. Allowances add up from the outside in."""

    contexts: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()  # as in `hashFiles(1,255)`: the arguments it takes here

    def __or__(self, other: Allowance) -> Allowance:
        """Allow what either allows."""
        return Allowance(self.contexts | other.contexts, self.functions | other.functions)


_HASH_FILES = frozenset({"hashFiles(1,255)"})
_JOB_STATUS = frozenset({"always(0,0)", "cancelled(0,0)", "success(0,MAX)", "failure(0,MAX)"})
_STEP_STATUS = frozenset({"always(0,0)", "cancelled(0,0)", "success(0,0)", "failure(0,0)"})


def _allow(contexts: str, functions: frozenset[str] = frozenset()) -> Allowance:
    return Allowance(frozenset(contexts.split()), functions)


WORKFLOW = _allow("github inputs vars")
WORKFLOW_ENV = _allow("github inputs vars secrets")
CALL_OUTPUT = _allow("github inputs vars jobs")
JOB_IF = _allow("github inputs vars needs", _JOB_STATUS)
STRATEGY = _allow("github inputs vars needs")
JOB = _allow("github inputs vars needs strategy matrix")
JOB_SECRETS = _allow("github inputs vars needs strategy matrix secrets")
JOB_DEFAULTS = _allow("github inputs vars needs strategy matrix env")
CREDENTIALS = _allow("github inputs vars secrets env")
RUNNER = _allow("github inputs vars needs strategy matrix secrets steps job runner env")
RUNNER_WITHOUT_SECRETS = _allow("github inputs vars needs strategy matrix steps job runner env")
STEP = _allow("github inputs vars needs strategy matrix secrets steps job runner env", _HASH_FILES)
STEP_IF = _allow("github inputs vars needs strategy matrix steps job runner env", _STEP_STATUS | _HASH_FILES)

ACTION_INPUT = _allow("github strategy matrix job runner", _HASH_FILES)
ACTION_OUTPUT = _allow("github inputs strategy matrix steps job runner env")
ACTION_INPUTS = _allow("inputs")
ACTION_STEP = _allow("github inputs strategy matrix steps job runner env", _HASH_FILES)
ACTION_STEP_IF = _allow("github inputs strategy matrix steps job runner env", _STEP_STATUS | _HASH_FILES)
ACTION_RUNS_IF = _allow("github inputs strategy matrix job runner env", _STEP_STATUS | _HASH_FILES)
