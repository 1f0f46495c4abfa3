"""The syntax tree of the rule language (Common Expression Language).

Every node is frozen and knows its position, `pos`: the offset of the character in the source where it
starts to mean something (an operator node points at its operator). Positions take no part in comparison,
so that two spellings of one expression are equal trees. Every consumer (checker, interpreter, compilers)
walks these classes; a new kind of node must be taught to all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Literal as OneOf

LiteralKind = OneOf["int", "uint", "double", "string", "bytes", "bool", "null"]
LiteralValue = int | float | str | bytes | bool | None
MacroKind = OneOf[
    "all",
    "exists",
    "exists_one",
    "map",
    "filter",
    "transformList",
    "transformMap",
    "transformMapEntry",
    "bind",
    "optMap",
    "optFlatMap",
    "block",
]


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. `kind` says the type, because Python's own types cannot (uint and int, bool and int)."""

    value: LiteralValue
    kind: LiteralKind
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Ident:
    """A name; a leading dot (look up from the root) is kept in it."""

    name: str
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Select:
    """`e.f`; `has(e.f)` when `test`; `e.?f` when `optional`."""

    operand: Node
    field: str
    test: bool = False
    optional: bool = False
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Index:
    """`e[i]`; `e[?i]` when `optional`."""

    operand: Node
    index: Node
    optional: bool = False
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Call:
    """A function, a method (with `target`), or an operator under its name, such as `_+_` or `@in`."""

    function: str
    args: tuple[Node, ...]
    target: Node | None = None
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class ListExpr:
    """`[a, b]`; `optional_indices` are the places written `?a`."""

    items: tuple[Node, ...]
    optional_indices: tuple[int, ...] = ()
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """One `key: value` of a map."""

    key: Node
    value: Node
    optional: bool = False
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class MapExpr:
    """`{key: value}`."""

    entries: tuple[Entry, ...]
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class MessageField:
    """One `name: value` of a message."""

    name: str
    value: Node
    optional: bool = False
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Message:
    """`some.Type{name: value}`."""

    type_name: str
    fields: tuple[MessageField, ...]
    pos: int = attribute(default=0, compare=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Macro:
    """A form that binds variables in its `args`.

    `target` is the range of a comprehension, the optional of optMap/optFlatMap, or, for `bind`, the bound
    value. `map` with three parts (`e.map(x, p, t)`) has args `(p, t)`, otherwise `(t,)`. `block` binds
    `@index0`... to the items of its `target` list.
    """

    kind: MacroKind
    target: Node
    variables: tuple[str, ...]
    args: tuple[Node, ...]
    pos: int = attribute(default=0, compare=False, kw_only=True)


Node = Literal | Ident | Select | Index | Call | ListExpr | MapExpr | Message | Macro


def children(node: Node) -> tuple[Node, ...]:
    """Return the direct sub-expressions, in source order."""
    if isinstance(node, Select):
        return (node.operand,)
    if isinstance(node, Index):
        return (node.operand, node.index)
    if isinstance(node, Call):
        return node.args if node.target is None else (node.target, *node.args)
    if isinstance(node, ListExpr):
        return node.items
    if isinstance(node, MapExpr):
        return tuple(part for entry in node.entries for part in (entry.key, entry.value))
    if isinstance(node, Message):
        return tuple(part.value for part in node.fields)
    if isinstance(node, Macro):
        return (node.target, *node.args)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """Yield the node and everything below it, parents first, without recursion."""
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending.extend(reversed(children(current)))


def depth(node: Node) -> int:
    """Return how many levels the tree has; a leaf has one."""
    deepest = 0
    pending = [(node, 1)]
    while pending:
        current, level = pending.pop()
        deepest = max(deepest, level)
        pending.extend((child, level + 1) for child in children(current))
    return deepest


def dotted_name(node: Node) -> str | None:
    """Return `a.b.c` where the node is only names joined by dots, else None."""
    parts: list[str] = []
    while isinstance(node, Select) and not node.test and not node.optional:
        parts.append(node.field)
        node = node.operand
    if not isinstance(node, Ident):
        return None
    return ".".join([node.name, *reversed(parts)])


def line_and_column(source: str, pos: int) -> tuple[int, int]:
    """Turn an offset into a line and a column, both counted from 1."""
    before = source[:pos]
    return before.count("\n") + 1, pos - (before.rfind("\n") + 1) + 1
