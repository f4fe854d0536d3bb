"""Workflow files with one thing changed: a key, a value, a line, a character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.workflow.composer import DEFAULT_LIMITS, compose
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

_VALUES = r"""
'' ; [] ; {} ; ~ ; null ; true ; false ; yes ; on ; 0 ; -1 ; 12 ; 3.10 ; 0x1F ; 1e3 ; .inf ; read ; write
none ; inherit ; ubuntu-latest ; push ; issues ; opened ; bash ; main ; string ; * * * * * ; */5 * * * *
61 * * * * ; [a, b] ; {a: b} ; {image: x} ; {group: x} ; {name: x} ; [{a: 1}] ; ${{ github.ref }}
${{ github.ref ; ${{ }} ; ${{ foo.bar }} ; ${{ secrets.A }} ; ${{ matrix.os }} ; ${{ always() }}
${{ hashFiles('x') }} ; ${{ format('{0}') }} ; ${{ 'x' }} ; ${{ insert }} ; a ${{ 1 }} b ; '${{ env.A }}'
"${{ needs.a.outputs.b }}" ; ${{ contains('a') }} ; ${{ github.ref == 'a' && }}
always() && github.ref == 'a' ; github.ref = 'a' ; !failure() ; success ; actions/checkout@v4
actions/checkout ; docker://alpine ; ./local ; ./.github/workflows/a.yml ; a/b/.github/workflows/c.yml@v1
&anchor x ; *unknown ; !!str 5 ; !!int x ; @x ; %x ; a: b ; 'open
"""
VALUES = (
    "",
    "|\n            a\n            b",
    *(value for line in _VALUES.split("\n") for value in line.split(" ; ")),
)
_KEYS = """
on name jobs env runs-on steps run uses with if needs strategy matrix include exclude container services
permissions contents concurrency group timeout-minutes continue-on-error shell working-directory id secrets
outputs defaults environment types branches branches-ignore tags paths schedule cron workflow_dispatch
workflow_call inputs default required type options image ports credentials background wait wait-all cancel
parallel snapshot queue deployment timezone RUN Name << 1 ''
"""
KEYS = ("${{ github.ref }}", "${{ insert }}", *_KEYS.split())


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed file; `what` says how."""

    text: str
    what: str


def mutants(text: str, random: Random, count: int) -> Iterator[Mutant]:
    """Change a file in `count` ways, one at a time."""
    root = compose(Source("", text), Report(), DEFAULT_LIMITS)
    scalars = list(_scalars(root)) if root is not None else []
    for _ in range(count):
        yield (
            _by_line(text, random) if not scalars or random.random() < 0.25 else _by_scalar(text, scalars, random)
        )


def _scalars(node: Node | None) -> Iterator[tuple[ScalarNode, bool]]:
    match node:
        case ScalarNode():
            yield node, False
        case SequenceNode():
            for item in node.items:
                yield from _scalars(item)
        case MappingNode():
            for key, value in node.entries:
                yield key, True
                yield from _scalars(value)
        case None:
            pass


def _by_scalar(text: str, scalars: Sequence[tuple[ScalarNode, bool]], random: Random) -> Mutant:
    node, is_key = random.choice(scalars)
    written = text[node.start.index : node.end.index]
    kind = random.randrange(4)
    if kind == 0 and written:
        place = random.randrange(len(written))
        new = written[:place] + random.choice(["", "x", "'", '"', ":", " ", "-", "{"]) + written[place + 1 :]
    elif kind == 1:
        other, _ = random.choice(scalars)
        new = text[other.start.index : other.end.index]
    else:
        new = random.choice(KEYS if is_key else VALUES)
    line = node.start.line + 1
    return Mutant(text[: node.start.index] + new + text[node.end.index :], f"line {line}: {written!r} -> {new!r}")


def _by_line(text: str, random: Random) -> Mutant:
    lines = text.splitlines(keepends=True) or [""]
    index = random.randrange(len(lines))
    kind = random.choice(["drop", "repeat", "indent", "outdent", "swap", "cut", "tab"])
    line = lines[index]
    match kind:
        case "drop":
            lines[index] = ""
        case "repeat":
            lines[index] = line * 2
        case "indent":
            lines[index] = "  " + line
        case "outdent":
            lines[index] = line.removeprefix("  ")
        case "swap":
            other = random.randrange(len(lines))
            lines[index], lines[other] = lines[other], line
        case "cut":
            del lines[index + 1 :]
        case _:
            lines[index] = "\t" + line
    return Mutant("".join(lines), f"line {index + 1}: {kind}")
