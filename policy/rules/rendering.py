"""Expressions written back as text, in one canonical layout.

What must stay true: parsing the text gives an equal tree, so parentheses stand wherever they are needed.
"""

from __future__ import annotations

import json

from policy.rules.cel.ast import (
    Call,
    Entry,
    Ident,
    Index,
    ListExpr,
    Literal,
    Macro,
    MapExpr,
    Message,
    Node,
    Select,
)

BINARY = {
    "_||_": ("||", 1),
    "_&&_": ("&&", 2),
    "_==_": ("==", 3),
    "_!=_": ("!=", 3),
    "_<_": ("<", 3),
    "_<=_": ("<=", 3),
    "_>_": (">", 3),
    "_>=_": (">=", 3),
    "@in": ("in", 3),
    "_+_": ("+", 4),
    "_-_": ("-", 4),
    "_*_": ("*", 5),
    "_/_": ("/", 5),
    "_%_": ("%", 5),
}
TERNARY, UNARY, MEMBER = 0, 6, 7


def text(node: Node) -> str:
    """Return the expression as text."""
    return _render(node, TERNARY)


def _wrap(content: str, level: int, needed: int) -> str:
    return content if level >= needed else f"({content})"


def _literal(node: Literal) -> tuple[str, int]:
    value = node.value
    if isinstance(value, bool):
        return ("true" if value else "false"), MEMBER
    if value is None:
        return "null", MEMBER
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False), MEMBER
    if isinstance(value, bytes):
        return 'b"' + "".join(f"\\x{byte:02x}" for byte in value) + '"', MEMBER
    level = UNARY if value < 0 else MEMBER
    if node.kind == "double":
        return repr(float(value)), level
    return f"{value}{'u' if node.kind == 'uint' else ''}", level


def _call(node: Call) -> tuple[str, int]:
    if node.function in BINARY and len(node.args) == 2:
        sign, level = BINARY[node.function]
        left, right = node.args
        return f"{_render(left, level)} {sign} {_render(right, level + 1)}", level
    if node.function == "-_" and isinstance(node.args[0], Literal):  # -(1) is not the literal -1
        return f"-({text(node.args[0])})", UNARY
    if node.function in ("!_", "-_"):
        return f"{node.function[0]}{_render(node.args[0], MEMBER)}", UNARY
    if node.function == "_?_:_":
        condition, then, otherwise = node.args
        return f"{_render(condition, 1)} ? {_render(then, 1)} : {_render(otherwise, TERNARY)}", TERNARY
    inside = ", ".join(map(text, node.args))
    if node.target is not None:
        return f"{_render(node.target, MEMBER)}.{node.function}({inside})", MEMBER
    return f"{node.function}({inside})", MEMBER


def _entry(entry: Entry) -> str:
    return f"{'?' if entry.optional else ''}{text(entry.key)}: {text(entry.value)}"


def _macro(node: Macro) -> str:
    inside = ", ".join([*node.variables, *map(text, node.args)])
    if node.kind == "bind":
        return f"cel.bind({node.variables[0]}, {text(node.target)}, {', '.join(map(text, node.args))})"
    if node.kind == "block":
        return f"cel.block({text(node.target)}, {', '.join(map(text, node.args))})"
    return f"{_render(node.target, MEMBER)}.{node.kind}({inside})"


def _render(node: Node, needed: int) -> str:
    if isinstance(node, Literal):
        content, level = _literal(node)
        return _wrap(content, level, needed)
    if isinstance(node, Call):
        content, level = _call(node)
        return _wrap(content, level, needed)
    if isinstance(node, Ident):
        return node.name
    if isinstance(node, Select):
        content = f"{_render(node.operand, MEMBER)}.{'?' if node.optional else ''}{node.field}"
        return f"has({content})" if node.test else content
    if isinstance(node, Index):
        return f"{_render(node.operand, MEMBER)}[{'?' if node.optional else ''}{text(node.index)}]"
    if isinstance(node, ListExpr):
        marks = set(node.optional_indices)
        return "[" + ", ".join(("?" if i in marks else "") + text(x) for i, x in enumerate(node.items)) + "]"
    if isinstance(node, MapExpr):
        return "{" + ", ".join(map(_entry, node.entries)) + "}"
    if isinstance(node, Message):
        parts = (f"{'?' if part.optional else ''}{part.name}: {text(part.value)}" for part in node.fields)
        return f"{node.type_name}{{{', '.join(parts)}}}"
    return _macro(node)
