"""Nodes to values. What does not fit has been reported by `check`; here it is left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.template import make_template, quoted_literal
from terraphim_runner.workflow.value import (
    Flag,
    Null,
    Number,
    Template,
    TemplateMap,
    Text,
    Value,
    ValueList,
    ValueMap,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def get(node: Node | None, key: str) -> Node | None:
    """Find what a mapping has under a key."""
    return node.get(key) if isinstance(node, MappingNode) else None


def scalar(node: Node | None, key: str) -> ScalarNode | None:
    """Find the scalar that a mapping has under a key."""
    value = get(node, key)
    return value if isinstance(value, ScalarNode) else None


def text(node: Node | None) -> Text | None:
    """Read a string that holds no expression."""
    if not isinstance(node, ScalarNode):
        return None
    literal = quoted_literal(node.template) if node.template is not None else None
    return Text(node.string() if literal is None else literal, node.span)


def texts(node: Node | None) -> tuple[Text, ...]:
    """Read one string or a list of them."""
    nodes = node.items if isinstance(node, SequenceNode) else [node]
    return tuple(each for each in map(text, nodes) if each is not None)


def description(node: Node | None) -> str | None:
    """Read a string that is for people only."""
    return node.string() if isinstance(node, ScalarNode) else None


def template(node: Node | None) -> Template | None:
    """Read a string that may hold expressions."""
    return make_template(node) if isinstance(node, ScalarNode) else None


def templates(node: Node | None) -> tuple[Template, ...] | Template:
    """Read a list of strings, or one expression for all of it."""
    if isinstance(node, SequenceNode):
        return tuple(make_template(each) for each in node.items if isinstance(each, ScalarNode))
    return template(node) or ()


def flag(node: Node | None) -> Flag | Template | None:
    """Read a boolean or an expression."""
    if isinstance(node, ScalarNode) and isinstance(node.value, bool):
        return Flag(node.value, node.span)
    return template(node)


def is_true(node: Node | None) -> bool:
    """Read a boolean that is no expression."""
    return isinstance(node, ScalarNode) and node.value is True


def number(node: Node | None) -> Number | Template | None:
    """Read a number or an expression."""
    if isinstance(node, ScalarNode) and isinstance(node.value, float):
        return Number(node.value, node.span)
    return template(node)


def key_of(node: ScalarNode) -> Text | Template:
    """Read a key, which may be an expression."""
    if node.template is not None and quoted_literal(node.template) is None:
        return make_template(node)
    return Text(node.string(), node.span)


def entries(node: Node | None) -> Iterator[tuple[Text, Node]]:
    """Walk the entries of a mapping whose keys are plain names."""
    if isinstance(node, MappingNode):
        for key, value in node.entries:
            yield Text(key.string(), key.span), value


def template_map(node: Node | None) -> TemplateMap | Template | None:
    """Read an `env` or `with`: names to strings, or one expression for all of it."""
    if not isinstance(node, MappingNode):
        return template(node)
    pairs = ((key_of(key), make_template(each)) for key, each in node.entries if isinstance(each, ScalarNode))
    return TemplateMap(tuple(pairs), node.span)


def value(node: Node) -> Value:
    """Read a tree of anything."""
    match node:
        case ScalarNode():
            return _scalar_value(node)
        case SequenceNode():
            return ValueList(tuple(value(each) for each in node.items), node.span)
        case MappingNode():
            return value_map(node)


def value_map(node: MappingNode) -> ValueMap:
    """Read a mapping of anything."""
    return ValueMap(tuple((key_of(key), value(each)) for key, each in node.entries), node.span)


def value_list(node: Node | None) -> ValueList | Template | None:
    """Read a list of anything, or an expression for one."""
    if isinstance(node, SequenceNode):
        return ValueList(tuple(value(each) for each in node.items), node.span)
    return template(node)


def _scalar_value(node: ScalarNode) -> Value:
    match node.value:
        case None:
            return Null(node.span)
        case bool():
            return Flag(node.value, node.span)
        case float():
            return Number(node.value, node.span)
        case str():
            return make_template(node)
