"""Text to syntax tree: a hand-written Pratt parser.

Nothing but SyntaxProblem leaves it, whatever the text. Three limits keep a hostile text cheap: its length is
checked before anything is read, nesting while descending, and the number of nodes while building. Chains of
`&&` and `||` become balanced trees (they are associative, errors included), so that a long list of
conditions is not a deep one.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.rules.cel import ast, lexer, macros
from policy.rules.cel.ast import Node
from policy.rules.cel.lexer import Token
from policy.rules.cel.problems import SyntaxProblem
from policy.rules.cel.values import INT_MAX

_BINARY = {
    "?": 1,
    "||": 2,
    "&&": 3,
    "==": 4,
    "!=": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "in": 4,
    "+": 5,
    "-": 5,
    "*": 6,
    "/": 6,
    "%": 6,
}
_LITERAL_KINDS = frozenset({"int", "uint", "double", "string", "bytes"})
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True, slots=True)
class Limits:
    """How large an expression may be."""

    length: int = 20_000
    depth: int = 80
    nodes: int = 5_000


DEFAULT_LIMITS = Limits()


def parse(source: str, *, limits: Limits = DEFAULT_LIMITS) -> Node:
    """Return the tree of an expression. Raises SyntaxProblem with the line and column."""
    if len(source) > limits.length:
        raise SyntaxProblem(f"the expression is longer than {limits.length} characters")
    return _Parser(source, limits).parse()


class _Parser:
    def __init__(self, source: str, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self.tokens = lexer.tokenize(source)
        self.position = 0
        self.level = 0
        self.nodes = 0

    def parse(self) -> Node:
        node = self.expression(0)
        if self.token.kind != "end":
            raise self.unexpected()
        if ast.depth(node) > self.limits.depth:
            raise self.problem(node.pos, f"the expression is nested deeper than {self.limits.depth} levels")
        return node

    # Tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def advance(self) -> Token:
        token = self.tokens[self.position]
        self.position += 1
        return token

    def at(self, text: str) -> bool:
        return self.token.kind == "punct" and self.token.text == text

    def accept(self, text: str) -> bool:
        if self.at(text):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> Token:
        if not self.at(text):
            raise self.problem(self.token.pos, f"expected '{text}' but found {_shown(self.token)}")
        return self.advance()

    def problem(self, pos: int, message: str) -> SyntaxProblem:
        return lexer.problem(self.source, pos, message)

    def unexpected(self) -> SyntaxProblem:
        return self.problem(self.token.pos, f"unexpected {_shown(self.token)}")

    def count(self) -> None:
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            raise self.problem(self.token.pos, f"the expression has more than {self.limits.nodes} parts")

    # Grammar

    def expression(self, minimum: int) -> Node:
        self.level += 1
        if self.level > self.limits.depth:
            raise self.problem(self.token.pos, f"nested deeper than {self.limits.depth} levels")
        left = self.unary()
        while self.token.kind == "punct":
            operator = self.token
            power = _BINARY.get(operator.text, -1)
            if power <= minimum:
                break
            self.advance()
            self.count()
            left = self.binary(left, operator, power)
        self.level -= 1
        return left

    def binary(self, left: Node, operator: Token, power: int) -> Node:
        if operator.text == "?":
            chosen = self.expression(1)
            self.expect(":")
            other = self.expression(0)
            return ast.Call("_?_:_", (left, chosen, other), pos=operator.pos)
        if operator.text in {"&&", "||"}:
            return self.chain(left, operator, power)
        right = self.expression(power)
        name = "@in" if operator.text == "in" else f"_{operator.text}_"
        return ast.Call(name, (left, right), pos=operator.pos)

    def chain(self, left: Node, operator: Token, power: int) -> Node:
        terms, operators = [left, self.expression(power)], [operator]
        while self.at(operator.text):
            self.count()
            operators.append(self.advance())
            terms.append(self.expression(power))

        def balanced(low: int, high: int) -> Node:
            if low == high:
                return terms[low]
            middle = (low + high) // 2
            pair = (balanced(low, middle), balanced(middle + 1, high))
            return ast.Call(f"_{operator.text}_", pair, pos=operators[middle].pos)

        return balanced(0, len(terms) - 1)

    def unary(self) -> Node:
        signs: list[Token] = []
        while self.at("!") or self.at("-"):
            signs.append(self.advance())
            self.count()
            if len(signs) > self.limits.depth:
                raise self.problem(signs[0].pos, f"nested deeper than {self.limits.depth} levels")
        node: Node | None = None
        if signs and signs[-1].text == "-" and self.token.kind in {"int", "double"}:
            number = self.advance()
            kind: ast.LiteralKind = "int" if number.kind == "int" else "double"
            node = self.postfix(ast.Literal(-number.value, kind, pos=signs.pop().pos))
        if node is None:
            node = self.postfix(self.primary())
        for sign in reversed(signs):
            node = ast.Call("!_" if sign.text == "!" else "-_", (node,), pos=sign.pos)
        return node

    def primary(self) -> Node:
        self.count()
        token = self.advance()
        if token.kind in _LITERAL_KINDS:
            if token.kind == "int" and token.value > INT_MAX:
                raise self.problem(token.pos, "an integer literal is too large")
            return ast.Literal(token.value, token.kind, pos=token.pos)  # type: ignore[arg-type]
        if token.kind == "ident":
            return self.name(token.text, token.pos, token)
        if token.kind == "punct" and token.text == "." and self.token.kind == "ident":
            word = self.advance()
            return self.name(f".{word.text}", token.pos, word)
        if token.kind == "punct" and token.text == "(":
            inner = self.expression(0)
            self.expect(")")
            return inner
        if token.kind == "punct" and token.text == "[":
            return self.list_expression(token)
        if token.kind == "punct" and token.text == "{":
            return self.map_expression(token)
        self.position -= 1
        raise self.unexpected()

    def name(self, name: str, pos: int, word: Token) -> Node:
        if name in _WORDS:
            return ast.Literal(_WORDS[name], "null" if name == "null" else "bool", pos=pos)
        if word.text in lexer.RESERVED or word.text in lexer.KEYWORDS:
            raise self.problem(word.pos, f"'{word.text}' is a reserved word")
        if self.accept("("):
            args = self.arguments()
            return macros.expand_call(self.source, name, args, pos)
        return ast.Ident(name, pos=pos)

    def postfix(self, node: Node) -> Node:
        while self.token.kind == "punct":
            if self.at("."):
                node = self.member(node)
            elif self.at("["):
                node = self.index(node)
            elif self.at("{") and (type_name := ast.dotted_name(node)) is not None:
                node = self.message(type_name, node.pos)
            else:
                break
            self.count()
        return node

    def member(self, node: Node) -> Node:
        dot = self.expect(".")
        optional = self.accept("?")
        word = self.advance()
        if word.kind not in {"ident", "quoted"} and word.text != "in":
            self.position -= 1
            raise self.problem(word.pos, f"expected a field name but found {_shown(word)}")
        if word.kind == "ident" and not optional and self.accept("("):
            args = self.arguments()
            return macros.expand_member_call(self.source, node, word.text, args, word.pos)
        if word.kind == "ident" and word.text in lexer.KEYWORDS:
            raise self.problem(word.pos, f"'{word.text}' is a reserved word")
        return ast.Select(node, word.text, optional=optional, pos=dot.pos)

    def index(self, node: Node) -> Node:
        bracket = self.expect("[")
        optional = self.accept("?")
        inner = self.expression(0)
        self.expect("]")
        return ast.Index(node, inner, optional=optional, pos=bracket.pos)

    def arguments(self) -> tuple[Node, ...]:
        args: list[Node] = []
        if self.accept(")"):
            return ()
        while True:
            args.append(self.expression(0))
            if self.accept(")"):
                return tuple(args)
            self.expect(",")

    def list_expression(self, bracket: Token) -> Node:
        items: list[Node] = []
        optional: list[int] = []
        while not self.accept("]"):
            if self.accept("?"):
                optional.append(len(items))
            items.append(self.expression(0))
            if not self.at("]"):
                self.expect(",")
        return ast.ListExpr(tuple(items), tuple(optional), pos=bracket.pos)

    def map_expression(self, brace: Token) -> Node:
        entries: list[ast.Entry] = []
        while not self.accept("}"):
            optional = self.accept("?")
            pos = self.token.pos
            key = self.expression(0)
            self.expect(":")
            entries.append(ast.Entry(key, self.expression(0), optional, pos=pos))
            if not self.at("}"):
                self.expect(",")
        return ast.MapExpr(tuple(entries), pos=brace.pos)

    def message(self, type_name: str, pos: int) -> Node:
        self.expect("{")
        fields: list[ast.MessageField] = []
        while not self.accept("}"):
            optional = self.accept("?")
            word = self.advance()
            if word.kind not in {"ident", "quoted"}:
                raise self.problem(word.pos, f"expected a field name but found {_shown(word)}")
            self.expect(":")
            fields.append(ast.MessageField(word.text, self.expression(0), optional, pos=word.pos))
            if not self.at("}"):
                self.expect(",")
        return ast.Message(type_name, tuple(fields), pos=pos)


def _shown(token: Token) -> str:
    return "the end of the expression" if token.kind == "end" else f"'{token.text[:40]}'"
