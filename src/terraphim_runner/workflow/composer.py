"""YAML text to nodes: libyaml's events, our own tree, bounded in size and depth.

The tree is built without recursion, so that no nesting can exhaust the stack. What aliases may expand to is
bounded here as well: a document of a few lines can stand for billions of values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from yaml import MarkedYAMLError, YAMLError
from yaml._yaml import CParser
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
)

from terraphim_runner.workflow.node import MappingNode, Node, ScalarNode, SequenceNode
from terraphim_runner.workflow.scalar import TagError, resolve
from terraphim_runner.workflow.source import Source, Style
from terraphim_runner.workflow.syntax import point, report_syntax, report_unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from yaml.events import Event

    from terraphim_runner.workflow.node import Mark
    from terraphim_runner.workflow.report import Report


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold, aliases expanded."""

    max_characters: int = 1_048_576
    max_depth: int = 50
    max_bytes: int = 10 * 1024 * 1024  # as GitHub's server counts values


DEFAULT_LIMITS = Limits()


class _Stop(Exception):
    pass


def compose(source: Source, report: Report, limits: Limits) -> Node | None:
    """Read the one document of a file; None if it is not YAML, after saying so to the report."""
    if len(source.text) > limits.max_characters:
        message = f"The maximum file size of {limits.max_characters} characters has been exceeded"
        report.error(point(source, 0), "file-too-large", message)
        return None
    try:
        return _compose(source, report, limits)
    except _Stop:
        pass
    except MarkedYAMLError as error:
        report_syntax(error, source, report)
    except YAMLError as error:
        report_unreadable(error, source, report)
    except UnicodeEncodeError as error:
        report.error(point(source, error.start), "yaml-syntax", "This is not a character")
    return None


def _compose(source: Source, report: Report, limits: Limits) -> Node | None:
    text = source.text.translate(_STAND_INS)
    for _ in range(_MAX_TABBED_LINES):
        try:
            return _Composer(source, report, limits).compose(text)
        except MarkedYAMLError as error:
            untabbed = _without_tabs(text, error)
            if untabbed is None:
                raise
            text = untabbed
    return _Composer(source, report, limits).compose(text)


_MAX_TABBED_LINES = 100
_BLANK = re.compile(r"[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")


def _without_tabs(text: str, error: MarkedYAMLError) -> str | None:
    """Put spaces for the tabs of a line without content, where libyaml fell over them and YAML allows them."""
    mark = error.problem_mark
    if mark is None or text[mark.index : mark.index + 1] != "\t":
        return None
    start = mark.index - mark.column
    line = _BLANK.match(text, start)
    return None if line is None else text[:start] + line[0].replace("\t", " ") + text[line.end() :]


_OBJECT, _STRING = 24, 26  # bytes of any value, and of a string besides, whose characters take two each


@dataclass(slots=True)
class _Size:
    """What a node stands for once aliases are expanded."""

    bytes: int = _OBJECT
    depth: int = 0

    def add(self, child: _Size) -> None:
        self.bytes += child.bytes
        self.depth = max(self.depth, child.depth + 1)


@dataclass(slots=True)
class _Frame:
    """A collection that has not ended; of a mapping, the key whose value comes next."""

    node: SequenceNode | MappingNode
    size: _Size
    key: ScalarNode | None = None
    skips_value: bool = False  # the key was no scalar


class _Composer:
    def __init__(self, source: Source, report: Report, limits: Limits) -> None:
        self._source = source
        self._report = report
        self._limits = limits
        self._anchors: dict[str, Node] = {}
        self._sizes: dict[int, _Size] = {}  # of what an alias may name, by identity; the tree keeps it alive
        self._open: list[_Frame] = []
        self._root: Node | None = None

    def compose(self, text: str) -> Node | None:
        documents = 0
        for event in _events(text):
            if isinstance(event, NodeEvent):
                self._begin(event)
            elif isinstance(event, CollectionEndEvent):
                self._finish()
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._fail(event, "multiple-documents", "Only one YAML document is allowed in a file")
        if self._root is None:
            self._report.error(point(self._source, 0), "empty-file", "The file is empty")
        return self._root

    def _begin(self, event: NodeEvent) -> None:
        if isinstance(event, AliasEvent):
            node = self._alias(event)
            self._add(node, self._sizes[id(node)], event)
            return
        node = self._new(event)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        if isinstance(node, ScalarNode):
            size = _Size(_OBJECT + _STRING + 2 * len(node.text) if isinstance(node.value, str) else _OBJECT)
            if event.anchor is not None:
                self._sizes[id(node)] = size
            self._add(node, size, event)
            return
        self._open.append(_Frame(node, _Size()))
        if len(self._open) > self._limits.max_depth:
            self._fail(event, "too-deep", "Maximum object depth exceeded")

    def _new(self, event: NodeEvent) -> Node:
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        kind = MappingNode if isinstance(event, MappingStartEvent) else SequenceNode
        return kind(self._source, _mark(event.start_mark), _mark(event.end_mark))

    def _scalar(self, event: ScalarEvent) -> ScalarNode:
        start, end, style = _mark(event.start_mark), _mark(event.end_mark), _STYLES[event.style or ""]
        text = event.value if event.value.isascii() else event.value.translate(_RESTORED)
        node = ScalarNode(self._source, start, end, text, style, text)
        try:
            node.value = resolve(text, style, event.tag)
        except TagError as error:
            self._report.error(node.span, "yaml-tag", str(error))
        return node

    def _alias(self, event: AliasEvent) -> Node:
        node = self._anchors.get(event.anchor or "")
        if node is None:
            self._fail(event, "unknown-anchor", f"There is no anchor '{event.anchor}' before this alias")
        if any(frame.node is node for frame in self._open):
            self._fail(event, "recursive-alias", f"The anchor '{event.anchor}' would contain itself")
        if len(self._open) + self._sizes[id(node)].depth > self._limits.max_depth:
            self._fail(event, "too-deep", "Maximum object depth exceeded")
        return node

    def _finish(self) -> None:
        frame = self._open.pop()
        node = frame.node
        last = node.items[-1] if isinstance(node, SequenceNode) and node.items else None
        if isinstance(node, MappingNode) and node.entries:
            last = node.entries[-1][1]
        if last is not None and last.end.index > node.end.index:
            node.end = last.end  # libyaml puts the end of a block collection before the next token
        self._sizes[id(node)] = frame.size
        self._add(node, frame.size, node)

    def _add(self, node: Node, size: _Size, place: NodeEvent | Node) -> None:
        if not self._open:
            self._root = node
            return
        frame = self._open[-1]
        frame.size.add(size)
        if frame.size.bytes > self._limits.max_bytes:
            self._fail(place, "too-many-values", "Maximum object size exceeded")
        if isinstance(frame.node, SequenceNode):
            frame.node.items.append(node)
        else:
            self._add_to_mapping(frame, frame.node, node)

    def _add_to_mapping(self, frame: _Frame, mapping: MappingNode, node: Node) -> None:
        if frame.skips_value:
            frame.skips_value = False
        elif frame.key is not None:
            mapping.entries.append((frame.key, node))
            frame.key = None
        elif isinstance(node, ScalarNode):
            frame.key = node
        else:
            self._report.error(node.span, "key-not-a-string", "A key must be a string")
            frame.skips_value = True

    def _fail(self, place: NodeEvent | Event | Node, code: str, message: str) -> NoReturn:
        start = _mark(
            place.start if isinstance(place, ScalarNode | SequenceNode | MappingNode) else place.start_mark
        )
        self._report.error(point(self._source, start.index), code, message)
        raise _Stop


def _events(text: str) -> Iterator[Event]:
    parser = CParser(text)
    while (event := parser.get_event()) is not None:
        yield event


def _mark(mark: Mark | None) -> Mark:
    if mark is None:
        raise AssertionError("libyaml marks every node")
    return mark


_STYLES = {style.value: style for style in Style}

# What GitHub reads as characters like any other: line ends of YAML 1.1, which libyaml knows, and controls,
# which it refuses, such as the escapes of colours in a script. It is shown stand-ins from the last private plane.
_FOREIGN = (
    0x85,
    0x2028,
    0x2029,
    0xFFFE,
    0xFFFF,
    *range(1, 9),
    0xB,
    0xC,
    *range(0xE, 0x20),
    *range(0x7F, 0x85),
    *range(0x86, 0xA0),
)
_STAND_INS = {code: 0x10F000 + number for number, code in enumerate(_FOREIGN)}
_RESTORED = {stand_in: code for code, stand_in in _STAND_INS.items()}
