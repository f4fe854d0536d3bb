"""Nodes to values: the type says whether there is something to evaluate."""

from __future__ import annotations

from terraphim_runner.workflow.allowance import STEP
from terraphim_runner.workflow.check import check
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, compose
from terraphim_runner.workflow.node import MappingNode, Node
from terraphim_runner.workflow.read_value import (
    description,
    entries,
    flag,
    get,
    is_true,
    key_of,
    number,
    scalar,
    template,
    template_map,
    templates,
    text,
    texts,
    value,
    value_list,
)
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.shape import ANYTHING
from terraphim_runner.workflow.source import Source
from terraphim_runner.workflow.value import Flag, Null, Number, Template, TemplateMap, Text, ValueList, ValueMap


def node(written: str) -> Node:
    """Give the node of a value, its expressions parsed as `check` does."""
    report = Report()
    root = compose(Source("ci.yml", f"k: {written}\n"), report, DEFAULT_LIMITS)
    assert isinstance(root, MappingNode), report.diagnostics
    check(root, ANYTHING.within(STEP), report)
    assert not report.has_errors, report.diagnostics
    return root.entries[0][1]


def test_what_is_not_there_is_read_as_nothing() -> None:
    for read in (text, template, flag, number, description, template_map, value_list):
        assert read(None) is None
    assert texts(None) == ()
    assert templates(None) == ()
    assert get(node("a"), "b") is None
    assert scalar(node("{a: []}"), "a") is None
    assert not is_true(None)


def test_one_string_and_a_list_of_strings_read_alike() -> None:
    assert [each.value for each in texts(node("a"))] == ["a"]
    assert [each.value for each in texts(node("[a, b]"))] == ["a", "b"]


def test_a_string_that_quotes_an_expression_is_what_it_quotes() -> None:
    found = text(node("${{ '${{ x }}' }}"))

    assert found is not None
    assert found.value == "${{ x }}"


def test_a_number_as_a_text_is_written_as_github_writes_it() -> None:
    assert str(text(node("1.0"))) == "1"
    assert description(node("0x10")) == "16"


def test_booleans_and_numbers_keep_their_kind_and_expressions_stay_open() -> None:
    assert isinstance(flag(node("true")), Flag)
    assert isinstance(flag(node("${{ true }}")), Template)
    assert isinstance(number(node("5")), Number)
    assert isinstance(number(node("${{ 5 }}")), Template)


def test_only_a_true_boolean_is_true() -> None:
    assert is_true(node("true"))
    assert not is_true(node("'true'"))
    assert not is_true(node("${{ true }}"))


def test_a_list_of_templates_may_be_one_expression() -> None:
    listed, single = templates(node("[a, '${{ github.ref }}']")), templates(node("${{ fromJSON('[]') }}"))

    assert isinstance(listed, tuple)
    assert [each.literal for each in listed] == ["a", None]
    assert isinstance(single, Template)


def test_a_mapping_of_strings_keeps_order_and_finds_names_whatever_the_case() -> None:
    found = template_map(node("{B: x, a: '${{ github.ref }}'}"))

    assert isinstance(found, TemplateMap)
    assert [str(key) for key, _ in found.entries] == ["B", "a"]
    assert str(found.get("A")) == "${{ github.ref }}"
    assert isinstance(template_map(node("${{ fromJSON('{}') }}")), Template)


def test_a_key_may_be_an_expression() -> None:
    mapping = node("{'${{ github.ref }}': x, plain: y}")
    assert isinstance(mapping, MappingNode)

    assert [type(key_of(key)) for key, _ in mapping.entries] == [Template, Text]
    assert [key.value for key, _ in entries(mapping)] == ["${{ github.ref }}", "plain"]


def test_a_tree_of_anything_keeps_every_kind() -> None:
    found = value(node("{a: [1, true, ~, text], b: {c: '${{ github.ref }}'}}"))

    assert isinstance(found, ValueMap)
    (_, items), (_, inner) = found.entries
    assert isinstance(items, ValueList)
    assert [type(each) for each in items.items] == [Number, Flag, Null, Template]
    assert isinstance(inner, ValueMap)
