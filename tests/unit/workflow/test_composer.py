"""YAML becomes a tree with places, or one fault that says where and why."""

from __future__ import annotations

import pytest

from terraphim_runner.domain.diagnostic import Diagnostic, Position
from terraphim_runner.workflow.composer import DEFAULT_LIMITS, Limits, compose
from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.report import Report
from terraphim_runner.workflow.source import Source


def read(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Node | None, tuple[Diagnostic, ...]]:
    report = Report()
    return compose(Source("f.yml", text), report, limits), report.diagnostics


def fault(text: str, limits: Limits = DEFAULT_LIMITS) -> tuple[str, Position]:
    node, diagnostics = read(text, limits)
    assert node is None
    assert len(diagnostics) == 1
    return diagnostics[0].code, diagnostics[0].span.start


def plain(node: Node | None) -> object:
    match node:
        case ScalarNode():
            return node.value
        case SequenceNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return [(key.string(), plain(value)) for key, value in node.entries]
        case None:
            return "nothing"


def test_a_document_becomes_a_tree_in_order_with_duplicates() -> None:
    assert plain(read("b: [1, x]\na: {k: ~}\nb: true\n")[0]) == [
        ("b", [1.0, "x"]),
        ("a", [("k", None)]),
        ("b", True),
    ]


def test_every_node_knows_its_place() -> None:
    root, _ = read("a:\n  - b: long\n\nc: 1\n")

    assert isinstance(root, MappingNode)
    key, items = root.entries[0]
    assert (Position(1, 1), Position(1, 2)) == (key.span.start, key.span.end)
    assert (Position(2, 3), Position(2, 12)) == (items.span.start, items.span.end)


def test_an_alias_stands_for_its_anchor() -> None:
    assert plain(read("a: &x [1]\nb: *x\n")[0]) == [("a", [1.0]), ("b", [1.0])]


def test_an_anchor_may_be_set_again() -> None:
    assert plain(read("- &x 1\n- &x 2\n- *x\n")[0]) == [1.0, 2.0, 2.0]


def test_a_merge_key_is_a_key_like_any_other() -> None:
    assert plain(read("<<: {a: 1}\n")[0]) == [("<<", [("a", 1.0)])]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("", "empty-file", Position(1, 1)),
        ("# only a comment\n", "empty-file", Position(1, 1)),
        ("a: 1\n---\nb: 2\n", "multiple-documents", Position(2, 1)),
        ("a: *x\n", "unknown-anchor", Position(1, 4)),
        ("a: &x [*x]\n", "recursive-alias", Position(1, 8)),
        ("a: b: c\n", "yaml-syntax", Position(1, 5)),
        ("a:\n\tb: 1\n", "yaml-syntax", Position(2, 1)),
        ("a: @x\n", "yaml-syntax", Position(1, 4)),
        ("a: 1\nb: 'open\n", "yaml-syntax", Position(2, 4)),
        ("a: 1\n b: 2\n", "yaml-syntax", Position(2, 3)),
        ("a: [1\n", "yaml-syntax", Position(2, 1)),
        ("a: 1\nnokey\nb: 2\n", "yaml-syntax", Position(2, 1)),
        ("a: \x00\n", "yaml-syntax", Position(1, 4)),
        ("a: é\x00\n", "yaml-syntax", Position(1, 5)),
        ("a: \udc80\n", "yaml-syntax", Position(1, 4)),
    ],
)
def test_what_is_no_document_is_one_fault_at_its_place(text: str, code: str, place: Position) -> None:
    assert (code, place) == fault(text)


def test_a_tab_that_indents_is_called_one() -> None:
    hint = read("a:\n\tb: 1\n")[1][0].hint

    assert hint == "indent with spaces, not with tabs"


def test_tabs_in_lines_without_content_do_no_harm() -> None:
    assert plain(read("a: 1\n\t\n\t# comment\nb: |\n  x\n  \ty\n")[0]) == [("a", 1.0), ("b", "x\n\ty\n")]


def test_a_key_that_is_a_collection_is_a_fault_and_its_value_is_left_out() -> None:
    node, diagnostics = read("? [a]\n: 1\nb: 2\n")

    assert [each.code for each in diagnostics] == ["key-not-a-string"]
    assert plain(node) == [("b", 2.0)]


def test_a_tag_that_does_not_fit_is_a_fault() -> None:
    assert [each.code for each in read("a: !!int x\n")[1]] == ["yaml-tag"]


def test_the_line_ends_of_yaml_1_1_are_characters() -> None:
    assert plain(read("a: x\u2028y\x85z\nb: 1\n")[0]) == [("a", "x\u2028y\x85z"), ("b", 1.0)]


@pytest.mark.parametrize("character", ["\x01", "\x0b", "\x1b", "\x7f", "\x9b", "\ufffe", "\uffff", "\ue085"])
def test_controls_are_characters_too_as_for_github(character: str) -> None:
    """The escapes of colours stand in scripts."""
    node, faults = read(f"a: |\n  echo {character}[31mred  # {character}\nb: '{character}' # {character}\n")

    assert plain(node) == [("a", f"echo {character}[31mred  # {character}\n"), ("b", character)]
    assert faults == ()


def test_columns_count_characters_not_bytes() -> None:
    root, _ = read("é𝄞: {ü: x}\n")

    assert isinstance(root, MappingNode)
    assert Position(1, 5) == root.entries[0][1].span.start


def test_a_file_may_be_so_large_and_no_larger() -> None:
    assert read("a: 12\n", Limits(max_characters=6))[0] is not None
    assert fault("a: 123\n", Limits(max_characters=6)) == ("file-too-large", Position(1, 1))


def test_nesting_may_be_so_deep_and_no_deeper() -> None:
    assert read("[[x]]", Limits(max_depth=2))[0] is not None
    assert fault("[[[x]]]", Limits(max_depth=2)) == ("too-deep", Position(1, 3))


def test_no_nesting_exhausts_the_stack() -> None:
    assert fault("[" * 500_000)[0] == "too-deep"


def test_an_alias_counts_with_the_depth_of_what_it_stands_for() -> None:
    text = "- &x [[1]]\n- [*x]\n"

    assert read(text, Limits(max_depth=4))[0] is not None
    assert fault(text, Limits(max_depth=3)) == ("too-deep", Position(2, 4))


def test_a_few_lines_cannot_stand_for_billions_of_values() -> None:
    laughs = ["- &a0 [x, x, x, x, x, x, x, x, x, x]"]
    laughs += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]

    assert fault("\n".join(laughs))[0] == "too-many-values"
