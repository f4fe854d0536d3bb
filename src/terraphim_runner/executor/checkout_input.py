"""The inputs of the built-in `actions/checkout`: what they mean here, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from terraphim_runner.domain.diagnostic import Diagnostic, Severity
from terraphim_runner.workflow.value import Template, TemplateMap

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from terraphim_runner.workflow.step import UsesStep

CHECKOUT = "actions/checkout"
_FALSE = frozenset({"", "false"})
_HINT = "map a copy of the action if you need it: --action actions/checkout=DIR"


class CheckoutRefused(ValueError):
    """An input asks for what a local run cannot do; the message names it."""


@dataclass(frozen=True, slots=True)
class CheckoutInputs:
    """What to check out, and where. Inputs about tokens, keys and progress have nothing to act on here."""

    path: str
    ref: str
    is_clean: bool
    has_history: bool

    @classmethod
    def read(cls, given: Mapping[str, str], *, own: str) -> CheckoutInputs:
        """Read evaluated inputs, as the action does; `own` is the repository that the user stands in.

        Raises:
            CheckoutRefused: see there.
        """
        inputs = {name.lower(): value.strip() for name, value in given.items()}
        for name, value in inputs.items():
            if (refusal := refusal_of(name, value, own=own)) is not None:
                raise CheckoutRefused(refusal)
        return cls(
            path=inputs.get("path", ""),
            ref=inputs.get("ref", ""),
            is_clean=_is_true(inputs.get("clean") or "true"),
            has_history=inputs.get("fetch-depth", "") not in {"", "1"} or _is_true(inputs.get("fetch-tags", "")),
        )


def checkout_faults(step: UsesStep, *, own: str) -> Iterator[Diagnostic]:
    """Find the inputs of a step that are known to be refused before anything is evaluated."""
    entries = step.with_.entries if isinstance(step.with_, TemplateMap) else ()
    for key, value in entries:
        is_known = not isinstance(key, Template) and value.literal is not None
        refusal = refusal_of(str(key).lower(), str(value).strip(), own=own) if is_known else None
        if refusal is not None:
            yield Diagnostic(key.span, Severity.ERROR, "unsupported", refusal, _HINT)


def refusal_of(name: str, value: str, *, own: str) -> str | None:
    """Say why an input cannot be obeyed."""
    match name:
        case "repository" if value and value.lower() != own.lower():
            return f"a local run checks out the repository it stands in, {own}, not '{value}'"
        case "submodules" | "lfs" if value.lower() not in _FALSE:
            return f"the built-in actions/checkout does not do '{name}: {value}' yet"
        case "sparse-checkout" if value:
            return "the built-in actions/checkout does not do 'sparse-checkout' yet"
        case _:
            return None


def _is_true(value: str) -> bool:
    return value.upper() == "TRUE"
