"""JSON lines: compared with a golden file, held against the schema that is shipped."""

from __future__ import annotations

import json
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest

from terraphim_runner.cli.render_json import EVENT_NAMES, JsonRenderer, event_line
from terraphim_runner.domain import event as events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BytesIO

    from terraphim_runner.cli.writer import Writer

_GOLDEN = Path(__file__).parents[2] / "golden" / "render" / "json.expected"
_SCHEMA_FILE = files("terraphim_runner.cli").joinpath("event.schema.json")
_SCHEMA: dict[str, Any] = json.loads(_SCHEMA_FILE.read_text("utf-8"))
_TYPES: dict[str, tuple[type[Any], ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


class _Validator:
    """Checks values against the few keywords that our schema uses; any other keyword raises."""

    def faults(self, value: Any, schema: dict[str, Any], place: str = "event") -> Iterator[str]:
        for keyword, rule in schema.items():
            if keyword not in {"format", "description", "title", "$schema", "$defs"}:
                yield from getattr(self, f"_{keyword.removeprefix('$')}")(value, rule, place, schema)

    def _ref(self, value: Any, rule: str, place: str, _: Any) -> Iterator[str]:
        yield from self.faults(value, _SCHEMA["$defs"][rule.removeprefix("#/$defs/")], place)

    def _type(self, value: Any, rule: str | list[str], place: str, _: Any) -> Iterator[str]:
        names = rule if isinstance(rule, list) else [rule]
        if type(value) not in {kind for name in names for kind in _TYPES[name]}:
            yield f"{place} is not {rule}"

    def _const(self, value: Any, rule: Any, place: str, _: Any) -> Iterator[str]:
        yield from self._enum(value, [rule], place, _)

    def _enum(self, value: Any, rule: list[Any], place: str, _: Any) -> Iterator[str]:
        if value not in rule:
            yield f"{place} is not one of {rule}"

    def _properties(self, value: Any, rule: dict[str, Any], place: str, _: Any) -> Iterator[str]:
        for name in rule.keys() & (value.keys() if isinstance(value, dict) else set()):
            yield from self.faults(value[name], rule[name], f"{place}.{name}")

    def _required(self, value: Any, rule: list[str], place: str, _: Any) -> Iterator[str]:
        yield from (f"{place} lacks {name}" for name in rule if not isinstance(value, dict) or name not in value)

    def _additionalProperties(self, value: Any, rule: bool, place: str, schema: Any) -> Iterator[str]:  # noqa: N802
        assert rule is False
        names = value.keys() if isinstance(value, dict) else set()
        yield from (f"{place} has {name}" for name in names - schema["properties"].keys())

    def _items(self, value: Any, rule: dict[str, Any], place: str, _: Any) -> Iterator[str]:
        for index, item in enumerate(value if isinstance(value, list) else []):
            yield from self.faults(item, rule, f"{place}[{index}]")

    def _oneOf(self, value: Any, rule: list[Any], place: str, _: Any) -> Iterator[str]:  # noqa: N802
        if sum(not list(self.faults(value, each, place)) for each in rule) != 1:
            yield f"{place} is not exactly one of {rule}"


def _faults(content: Any) -> list[str]:
    return list(_Validator().faults(content, _SCHEMA))


def test_a_run_reads_as_expected(story: list[events.RunEvent], writer: Writer, output: BytesIO) -> None:
    """One line for each event, in ASCII, whatever was printed."""
    renderer = JsonRenderer(writer)
    for event in story:
        renderer.emit(event)
    writer.close()

    assert output.getvalue().decode("ascii") == _GOLDEN.read_text(encoding="ascii")


def test_every_event_obeys_the_schema(story: list[events.RunEvent]) -> None:
    """The story has every kind of event."""
    contents = [json.loads(event_line(event)) for event in story]

    assert {type(event) for event in story} == set(get_args(events.RunEvent))
    assert [fault for content in contents for fault in _faults(content)] == []


@pytest.mark.parametrize("change", [{"event": "unknown"}, {"surplus": 1}, {"step": "2"}, {"lines": "text"}])
def test_the_schema_refuses_what_is_no_event(story: list[events.RunEvent], change: dict[str, object]) -> None:
    """A schema that accepts anything would prove nothing."""
    output = next(event for event in story if isinstance(event, events.StepOutput))

    assert _faults(json.loads(event_line(output)) | change)


@pytest.mark.parametrize(
    "kind",
    [
        *EVENT_NAMES,
        events.PlannedJob,
        events.PlannedStep,
        events.JobResult,
        events.StepResult,
        events.VmEvidence,
        events.SourcePlace,
    ],
)
def test_the_schema_has_exactly_the_fields_of_the_events(kind: type[Any]) -> None:
    """A field that is added, renamed or removed must be so in the schema too, and all are always there."""
    definition = _SCHEMA["$defs"][EVENT_NAMES.get(kind, kind.__name__)]
    expected = {field.name for field in fields(kind)} | ({"event"} if kind in EVENT_NAMES else set())

    assert set(definition["properties"]) == expected
    assert set(definition["required"]) == expected


def test_the_page_documents_every_event_and_field() -> None:
    """docs/json-events.md names each of them."""
    page = (Path(__file__).parents[3] / "docs" / "json-events.md").read_text(encoding="utf-8")
    names = {f"`{name}`" for name in EVENT_NAMES.values()}
    names |= {f"`{field.name}`" for kind in EVENT_NAMES for field in fields(kind)}

    assert {name for name in names if name not in page} == set()
