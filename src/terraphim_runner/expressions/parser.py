"""Tokens to a syntax tree, by precedence climbing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from terraphim_runner.domain.errors import ExpressionError, ExpressionErrorKind
from terraphim_runner.expressions.lexer import Token, TokenKind, tokenize
from terraphim_runner.expressions.limit import MAX_DEPTH
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
)
from terraphim_runner.expressions.signature import Signatures
from terraphim_runner.expressions.source import Source
from terraphim_runner.expressions.value import fold_case

if TYPE_CHECKING:
    from collections.abc import Collection

_OR, _AND, _EQUALITY, _RELATION = 1, 2, 3, 4
_PRECEDENCE = {
    TokenKind.OR: _OR,
    TokenKind.AND: _AND,
    TokenKind.EQUAL: _EQUALITY,
    TokenKind.NOT_EQUAL: _EQUALITY,
    TokenKind.GREATER: _RELATION,
    TokenKind.GREATER_OR_EQUAL: _RELATION,
    TokenKind.LESS: _RELATION,
    TokenKind.LESS_OR_EQUAL: _RELATION,
}


def parse(
    text: str,
    *,
    names: Collection[str] | None = None,
    functions: Collection[str] | None = None,
    start: int = 0,
    end: int | None = None,
) -> Node:
    """Read one expression, without `${{ }}`; blank text is null.

    `names` are the contexts that exist here, `functions` those beside GitHub's own (as `success` or, with the
    number of arguments, `success(0,0)`). Left out, any name or function is taken: `check` can tell later.
    `start` and `end` bound the expression within `text`.

    Raises:
        ExpressionError: the text is no expression, or says what is not allowed.
    """
    source = Source.of(text, start, end)
    return _Parser(source, names, functions).parse()


class _Parser:
    def __init__(self, source: Source, names: Collection[str] | None, functions: Collection[str] | None) -> None:
        self._source = source
        self._tokens = tokenize(source)
        self._position = 0
        self._depth = 0
        self._names = None if names is None else set(map(fold_case, names))
        self._signatures = None if functions is None else Signatures.of(functions)
        self._token = self._tokens[0]

    def parse(self) -> Node:
        if self._token.kind is TokenKind.END:
            return Literal(self._source.start, self._source.end, None)
        node = self._expression()
        self._expect(TokenKind.END)
        return node

    def _expression(self) -> Node:
        self._enter()
        node = self._operation(0)
        self._depth -= 1
        return node

    def _operation(self, floor: int) -> Node:
        """Read operators that bind tighter than `floor`, and what they stand between."""
        start, depth = self._token.start, self._depth
        left = self._unary()
        while (precedence := _PRECEDENCE.get(self._token.kind, 0)) > floor:
            if precedence <= _AND:  # an `&&` or `||` is one level deep, however long; a chain of `==` is not
                self._depth = depth
            self._enter()
            operator = self._logical if precedence <= _AND else self._comparison
            left = operator(left, precedence, start)
        self._depth = depth
        return left

    def _logical(self, first: Node, precedence: int, start: int) -> Node:
        kind = self._token.kind
        operands = [first]
        while self._take(kind):
            operands.append(self._operation(precedence))
        node_type = Or if kind is TokenKind.OR else And
        return node_type(start, self._last_end(), tuple(operands))

    def _comparison(self, left: Node, precedence: int, start: int) -> Node:
        comparator = Comparator(self._advance().text)
        right = self._operation(precedence)
        return Comparison(start, self._last_end(), comparator, left, right)

    def _unary(self) -> Node:
        if self._token.kind is not TokenKind.NOT:
            return self._postfix()
        start = self._advance().start
        self._enter()
        operand = self._unary()
        self._depth -= 1
        return Not(start, self._last_end(), operand)

    def _postfix(self) -> Node:
        first = self._token
        node = self._primary()
        if first.kind is TokenKind.LITERAL:
            return node
        depth = self._depth
        while True:
            if self._take(TokenKind.DOT):
                index = self._property()
            elif self._take(TokenKind.LEFT_BRACKET):
                index = self._star() or self._expression()
                self._expect(TokenKind.RIGHT_BRACKET)
            else:
                self._depth = depth
                return node
            self._enter()
            node = Index(first.start, self._last_end(), node, index)

    def _property(self) -> Node:
        if star := self._star():
            return star
        name = self._expect(TokenKind.WORD)
        return Literal(name.start, name.end, name.text)

    def _star(self) -> Star | None:
        token = self._token
        return Star(token.start, token.end) if self._take(TokenKind.STAR) else None

    def _primary(self) -> Node:
        token = self._token
        match token.kind:
            case TokenKind.LITERAL:
                self._advance()
                return Literal(token.start, token.end, token.value)
            case TokenKind.WORD:
                self._advance()
                if self._token.kind is TokenKind.LEFT_PARENTHESIS:
                    return self._call(token)
                return self._context(token)
            case TokenKind.LEFT_PARENTHESIS:
                self._advance()
                node = self._expression()
                self._expect(TokenKind.RIGHT_PARENTHESIS)
                return node
            case _:
                raise self._unexpected()

    def _context(self, token: Token) -> Node:
        if self._names is not None and fold_case(token.text) not in self._names:
            raise self._error("Unrecognized named-value", token)
        return Context(token.start, token.end, token.text)

    def _call(self, token: Token) -> Node:
        if self._signatures is not None and token.text not in self._signatures:
            raise self._error("Unrecognized function", token)
        arguments = self._arguments()
        self._expect(TokenKind.RIGHT_PARENTHESIS)
        if self._signatures is not None and (fault := self._signatures.fault(token.text, len(arguments))):
            raise self._error(fault, token)
        return Call(token.start, self._last_end(), token.text, tuple(arguments))

    def _arguments(self) -> list[Node]:
        self._advance()
        if self._token.kind is TokenKind.RIGHT_PARENTHESIS:
            return []
        arguments = [self._expression()]
        while self._take(TokenKind.COMMA):
            arguments.append(self._expression())
        return arguments

    def _advance(self) -> Token:
        token = self._token
        self._position = min(self._position + 1, len(self._tokens) - 1)
        self._token = self._tokens[self._position]
        return token

    def _last_end(self) -> int:
        return self._tokens[self._position - 1].end

    def _take(self, kind: TokenKind) -> bool:
        if self._token.kind is not kind:
            return False
        self._advance()
        return True

    def _expect(self, kind: TokenKind) -> Token:
        if self._token.kind is not kind:
            raise self._unexpected()
        return self._advance()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            message = f"Exceeded max expression depth {MAX_DEPTH}"
            kind, token = ExpressionErrorKind.PARSING, self._token
            raise ExpressionError(kind, message, start=token.start, end=token.end)

    def _unexpected(self) -> ExpressionError:
        if self._token.kind is TokenKind.END:
            return self._error("Unexpected end of expression", self._tokens[-2])
        return self._error("Unexpected symbol", self._token)

    def _error(self, description: str, token: Token) -> ExpressionError:
        return self._source.error(ExpressionErrorKind.PARSING, description, token.start, token.end)
