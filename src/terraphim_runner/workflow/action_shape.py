"""What an `action.yml` accepts.

GitHub's editor asks for more than its runner: what only the editor minds is advisory.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from terraphim_runner.workflow import allowance
from terraphim_runner.workflow.action_branding import COLORS, ICONS
from terraphim_runner.workflow.shape import (
    ANYTHING,
    BOOLEAN,
    NON_EMPTY,
    STRING,
    Conditional,
    Shape,
    condition,
    either,
    list_of,
    one_of,
    record,
)

NODE = ("node12", "node16", "node20", "node24")

_STRING = STRING.within(allowance.ACTION_STEP)
_STRING_MAP = record(loose=STRING).within(allowance.ACTION_STEP)
_STEP = {
    "name": _STRING,
    "id": NON_EMPTY,
    "if": condition(Conditional.ACTION, allowance.ACTION_STEP_IF),
    "env": _STRING_MAP,
    "continue-on-error": BOOLEAN.within(allowance.ACTION_STEP),
}
_RUN_STEP = record(
    _STEP | {"run": _STRING, "shell": _STRING, "working-directory": _STRING}, required=("run", "shell")
)
_USES_STEP = record(_STEP | {"uses": NON_EMPTY, "with": _STRING_MAP}, required=("uses",))

_RUNS_IF = condition(Conditional.RUNS, allowance.ACTION_RUNS_IF)
_USING = one_of("docker", "composite", *NODE)
_NODE_RUNS = record(
    {
        "using": _USING,
        "main": NON_EMPTY,
        "pre": NON_EMPTY,
        "pre-if": _RUNS_IF,
        "post": NON_EMPTY,
        "post-if": _RUNS_IF,
    },
    required=("using", "main"),
)
_DOCKER_RUNS = record(
    {
        "using": _USING,
        "image": NON_EMPTY,
        "entrypoint": NON_EMPTY,
        "args": list_of(STRING.within(allowance.ACTION_INPUTS)),
        "env": record(loose=STRING).within(allowance.ACTION_INPUTS),
        "pre-entrypoint": NON_EMPTY,
        "pre-if": _RUNS_IF,
        "post-entrypoint": NON_EMPTY,
        "post-if": _RUNS_IF,
    },
    required=("using", "image"),
)
_COMPOSITE_RUNS = record(
    {"using": _USING, "steps": list_of(either(_RUN_STEP, _USES_STEP))}, required=("using", "steps")
)
_RUNS = {"docker": _DOCKER_RUNS, "composite": _COMPOSITE_RUNS} | dict.fromkeys(NODE, _NODE_RUNS)

_INPUT = record(
    {
        "description": replace(STRING, advisory=True),
        "required": replace(BOOLEAN, advisory=True),
        "default": STRING.within(allowance.ACTION_INPUT),
        "deprecationMessage": replace(STRING, advisory=True),
    },
    loose=ANYTHING,
)
_OUTPUT = record({"description": STRING, "value": STRING.within(allowance.ACTION_OUTPUT)})
_BRANDING = replace(record({"icon": one_of(*ICONS), "color": one_of(*COLORS)}), advisory=True)


@cache
def action_shape(using: str) -> Shape:
    """Give the shape of an action file, which depends on what the action is made of."""
    return record(
        {
            "name": NON_EMPTY,
            "description": STRING,
            "author": STRING,
            "inputs": record(loose=_INPUT),
            "outputs": record(loose=_OUTPUT),
            "runs": _RUNS.get(using) or either(_DOCKER_RUNS, _NODE_RUNS, _COMPOSITE_RUNS),
            "branding": _BRANDING,
        },
        required=("name", "description"),
        advisory=True,
    )
