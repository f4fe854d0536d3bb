"""What a workflow file accepts, `on:` aside."""

from __future__ import annotations

from terraphim_runner.workflow import allowance
from terraphim_runner.workflow.event_shape import ON
from terraphim_runner.workflow.shape import (
    ANYTHING,
    BOOLEAN,
    NON_EMPTY,
    NULL,
    NUMBER,
    STRING,
    STRING_OR_STRINGS,
    STRINGS,
    Conditional,
    Shape,
    condition,
    either,
    list_of,
    one_of,
    record,
)

_ANY_ACCESS = one_of("read", "write", "none")
_READ_ONLY = one_of("read", "none")
_WRITE_ONLY = one_of("write", "none")
_SCOPES = (
    "actions artifact-metadata attestations checks code-quality contents deployments discussions drives issues"
    " packages pages pull-requests repository-projects security-events statuses"
)
PERMISSION_SCOPES = dict.fromkeys(_SCOPES.split(), _ANY_ACCESS) | {
    "copilot-requests": _WRITE_ONLY,
    "id-token": _WRITE_ONLY,
    "models": _READ_ONLY,
    "vulnerability-alerts": _READ_ONLY,
}
_PERMISSIONS = either(record(PERMISSION_SCOPES), one_of("read-all", "write-all"))

_CONCURRENCY = record(
    {"group": NON_EMPTY, "cancel-in-progress": BOOLEAN, "queue": one_of("single", "max")}, required=("group",)
)
_RUN_DEFAULTS = record({"shell": NON_EMPTY, "working-directory": NON_EMPTY})
_STRING_MAP = record(loose=STRING)


# ---------------------------------------------------------------- steps
_IN_STEP = "`{}` belongs to a step: check the indentation, steps are the items of the list `steps`"
_IN_JOB = "`{}` belongs to a job: check the indentation, jobs are what stands below `jobs`"
_IN_FILE = "`{}` belongs to the whole file: check the indentation, it begins in the first column there"


def _strays(words: str, keys: str) -> dict[str, str]:
    return {key: words.format(key) for key in keys.split()}


_STEP_KEYS = _strays(_IN_STEP, "run uses with shell working-directory id background wait wait-all cancel parallel")
_JOB_KEYS = _strays(_IN_JOB, "runs-on needs steps strategy container services outputs environment secrets")
_FILE_KEYS = _strays(_IN_FILE, "on run-name jobs")

_STEP_HEAD = {
    "name": STRING.within(allowance.STEP),
    "id": NON_EMPTY,
    "continue-on-error": BOOLEAN.within(allowance.STEP),
}
_WORK_STEP = _STEP_HEAD | {
    "if": condition(Conditional.WORKFLOW, allowance.STEP_IF),
    "timeout-minutes": NUMBER.within(allowance.STEP),
    "env": _STRING_MAP.within(allowance.STEP),
    "background": BOOLEAN,
}
_RUN_STEP = record(
    _WORK_STEP
    | {
        "run": STRING.within(allowance.STEP),
        "shell": NON_EMPTY,
        "working-directory": STRING.within(allowance.STEP),
    },
    required=("run",),
    strays=_JOB_KEYS | _FILE_KEYS,
)
_USES_STEP = record(
    _WORK_STEP | {"uses": NON_EMPTY, "with": _STRING_MAP.within(allowance.STEP)}, required=("uses",)
)
_WAIT_STEPS = (
    record(_STEP_HEAD | {"wait": STRING_OR_STRINGS}, required=("wait",)),
    record(_STEP_HEAD | {"wait-all": either(NULL, BOOLEAN)}, required=("wait-all",)),
    record(_STEP_HEAD | {"cancel": NON_EMPTY}, required=("cancel",)),
)


def _step(nested: Shape) -> Shape:
    parallel = record({"parallel": list_of(nested)}, required=("parallel",))
    return either(_RUN_STEP, _USES_STEP, *_WAIT_STEPS, parallel)


STEPS = list_of(
    _step(_step(ANYTHING))
)  # a `parallel` in a `parallel` is found and refused by the steps' own rules

# ---------------------------------------------------------------- jobs
_MATRIX_FILTER = list_of(record(loose=ANYTHING))
_STRATEGY = record(
    {
        "fail-fast": BOOLEAN,
        "max-parallel": NUMBER,
        "matrix": record({"include": _MATRIX_FILTER, "exclude": _MATRIX_FILTER}, loose=list_of(ANYTHING)),
    }
).within(allowance.STRATEGY)

_CONTAINER = {
    "image": NON_EMPTY,
    "options": STRING,
    "env": record(loose=STRING.within(allowance.RUNNER)),
    "ports": STRINGS,
    "volumes": STRINGS,
    "credentials": record({"username": NON_EMPTY, "password": NON_EMPTY}).within(allowance.CREDENTIALS),
}
_SERVICE = either(NON_EMPTY, record(_CONTAINER | {"entrypoint": STRING, "command": STRING}))
_ENVIRONMENT = record(
    {
        "name": STRING.within(allowance.JOB),
        "url": STRING.within(allowance.RUNNER_WITHOUT_SECRETS),
        "deployment": BOOLEAN,
    },
    required=("name",),
)
_SNAPSHOT = record(
    {"image-name": NON_EMPTY, "version": NON_EMPTY, "if": condition(Conditional.WORKFLOW, allowance.STEP_IF)},
    required=("image-name",),
)

_JOB_HEAD = {
    "name": STRING.within(allowance.JOB),
    "needs": STRING_OR_STRINGS,
    "if": condition(Conditional.WORKFLOW, allowance.JOB_IF),
    "strategy": _STRATEGY,
    "permissions": _PERMISSIONS,
    "concurrency": either(NON_EMPTY, _CONCURRENCY).within(allowance.JOB),
}
_NORMAL_JOB = record(
    _JOB_HEAD
    | {
        "runs-on": either(NON_EMPTY, STRINGS, record({"group": NON_EMPTY, "labels": STRING_OR_STRINGS})).within(
            allowance.JOB
        ),
        "timeout-minutes": NUMBER.within(allowance.JOB),
        "cancel-timeout-minutes": NUMBER.within(allowance.JOB),
        "continue-on-error": BOOLEAN.within(allowance.JOB),
        "container": either(STRING, record(_CONTAINER)).within(allowance.JOB),
        "services": record(loose=_SERVICE.within(allowance.JOB)).within(allowance.JOB),
        "env": _STRING_MAP.within(allowance.JOB_SECRETS),
        "environment": either(STRING, _ENVIRONMENT).within(allowance.JOB),
        "outputs": record(loose=STRING.within(allowance.RUNNER)),
        "defaults": record({"run": _RUN_DEFAULTS.within(allowance.JOB_DEFAULTS)}),
        "steps": STEPS,
        "snapshot": either(NON_EMPTY, _SNAPSHOT).within(allowance.JOB),
    },
    required=("runs-on",),
    strays=_STEP_KEYS | _FILE_KEYS,
)
_SCALAR = either(STRING, BOOLEAN, NUMBER)
_CALL_JOB = record(
    _JOB_HEAD
    | {
        "uses": NON_EMPTY,
        "with": record(loose=_SCALAR.within(allowance.JOB)),
        "secrets": either(record(loose=_SCALAR.within(allowance.JOB_SECRETS)), one_of("inherit")),
    },
    required=("uses",),
    strays=_STEP_KEYS | _FILE_KEYS,
)

WORKFLOW = record(
    {
        "on": ON,
        "name": STRING,
        "description": STRING,
        "run-name": STRING.within(allowance.WORKFLOW),
        "defaults": record({"run": _RUN_DEFAULTS}),
        "env": _STRING_MAP.within(allowance.WORKFLOW_ENV),
        "permissions": _PERMISSIONS,
        "concurrency": either(STRING, _CONCURRENCY).within(allowance.WORKFLOW),
        "jobs": record(loose=either(_NORMAL_JOB, _CALL_JOB)),
    },
    required=("on", "jobs"),
    strays=_STEP_KEYS | _JOB_KEYS,
)
