"""Syntax trees."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from terraphim_runner.domain.errors import ExpressionError
from terraphim_runner.expressions.node import (
    And,
    Call,
    Comparator,
    Comparison,
    Context,
    Index,
    Literal,
    Node,
    Not,
    Or,
    Star,
    walk,
)
from terraphim_runner.expressions.parser import parse


def outline(node: Node) -> str:  # noqa: PLR0911 - one line per kind of node
    """Write a tree with every operation in parentheses."""
    match node:
        case Literal(value=value):
            return repr(value)
        case Star():
            return "*"
        case Context(name=name):
            return name
        case Index(target=target, index=index):
            return f"{outline(target)}[{outline(index)}]"
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(map(outline, arguments))})"
        case Not(operand=operand):
            return f"(!{outline(operand)})"
        case Comparison(comparator=comparator, left=left, right=right):
            return f"({outline(left)} {comparator.value} {outline(right)})"
        case And(operands=operands):
            return f"({' && '.join(map(outline, operands))})"
        case Or(operands=operands):
            return f"({' || '.join(map(outline, operands))})"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a || b && c == d < !e", "(a || (b && (c == (d < (!e)))))"),
        ("!a < b == c && d || e", "(((((!a) < b) == c) && d) || e)"),
        ("a == b != c", "((a == b) != c)"),
        ("a < b < c", "((a < b) < c)"),
        ("a && b && c || d || e", "((a && b && c) || d || e)"),
        ("(a || b) && c", "((a || b) && c)"),
        ("a == (b == c)", "(a == (b == c))"),
        ("a.b[c.d].*", "a['b'][c['d']][*]"),
        ("f(a, g(b))[0].x", "f(a, g(b))[0.0]['x']"),
        ("(a).b", "a['b']"),
        ("!!a.b", "(!(!a['b']))"),
    ],
)
def test_operators_bind_as_githubs_do(text: str, tree: str) -> None:
    assert tree == outline(parse(text))


def test_nodes_know_their_place_parentheses_included() -> None:
    text = "x && ((a) == (b)) || !(f( 1 ))"
    spans = {text[node.start : node.end] for node in walk(parse(text))}

    assert {text, "x && ((a) == (b))", "(a) == (b)", "!(f( 1 ))", "f( 1 )", "x", "1"} <= spans


def test_offsets_count_from_the_beginning_of_the_whole_text() -> None:
    text = "${{ github.ref }}"
    node = parse(text, start=4, end=14)

    assert text[node.start : node.end] == "github.ref"


def test_blank_text_is_null() -> None:
    assert parse("  \n") == Literal(0, 3, None)


@pytest.mark.parametrize("text", ["nope", "nope.x", "f(1, nope)"])
def test_a_context_that_does_not_exist_is_blamed(text: str) -> None:
    with pytest.raises(ExpressionError, match="Unrecognized named-value: 'nope'"):
        parse(text, names=["github"])


def test_names_of_contexts_and_functions_do_not_mind_case() -> None:
    parse("GITHUB.ref == Success()", names=["github"], functions=["success"])


def test_a_function_takes_as_many_arguments_as_this_place_says() -> None:
    parse("success('build')", functions=["success"])
    with pytest.raises(ExpressionError, match="Too many parameters supplied: 'success'"):
        parse("success('build')", functions=["success(0,0)"])


def test_a_status_function_exists_only_where_it_is_named() -> None:
    with pytest.raises(ExpressionError, match="Unrecognized function: 'always'"):
        parse("always()", functions=[])


def test_without_names_and_functions_only_the_syntax_counts() -> None:
    assert outline(parse("whatever(any.thing)")) == "whatever(any['thing'])"


@pytest.mark.parametrize("nest", ["!{}", "({})", "f({})", "{}.a", "{}[0]", "{} == 1", "1 < {}"])
def test_nesting_ends_at_githubs_depth_whatever_nests(nest: str) -> None:
    text = "x"
    for _ in range(48):
        text = nest.replace("{}", text)
    parse(text)
    for _ in range(5_000):
        text = nest.replace("{}", text) if len(text) < 20_000 else text
    with pytest.raises(ExpressionError, match="Exceeded max expression depth 50"):
        parse(text)


def test_a_long_chain_of_and_or_is_not_deep() -> None:
    assert isinstance(parse(" || ".join(["a && b"] * 1_000)), Or)


def spans_of(text: str) -> list[tuple[int, int]]:
    try:
        return [(node.start, node.end) for node in walk(parse(text))]
    except ExpressionError as error:
        return [(error.start, error.end)]


PIECES = st.sampled_from(
    [*"a.*[](),!<'1- é", "github", "==", "&&", "||", "'x'", "0x", "true"],
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=25))
def test_any_text_is_an_expression_or_a_fault_within_it(text: str) -> None:
    spans = spans_of(text)

    assert all(0 <= start <= end <= len(text) for start, end in spans)


def test_every_comparison_is_known_by_its_sign() -> None:
    nodes = [parse(f"a {comparator.value} b") for comparator in Comparator]

    assert [node.comparator for node in nodes if isinstance(node, Comparison)] == list(Comparator)
