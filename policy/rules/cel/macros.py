"""Calls that are no calls: has, the comprehensions, cel.bind, cel.block and the optional forms.

They are recognised while parsing, by name and number of arguments, because their arguments are not
evaluated before them: some are names of variables, some run once per element.
"""

from __future__ import annotations

from policy.rules.cel import ast, lexer
from policy.rules.cel.ast import MacroKind, Node

# name -> kind of macro
_COMPREHENSIONS: dict[str, MacroKind] = {
    "all": "all",
    "exists": "exists",
    "exists_one": "exists_one",
    "existsOne": "exists_one",
    "map": "map",
    "filter": "filter",
    "transformList": "transformList",
    "transformMap": "transformMap",
    "transformMapEntry": "transformMapEntry",
    "optMap": "optMap",
    "optFlatMap": "optFlatMap",
}
# kind -> allowed pairs (number of variables, number of parts)
_SHAPES: dict[MacroKind, tuple[tuple[int, int], ...]] = {
    "all": ((1, 1), (2, 1)),
    "exists": ((1, 1), (2, 1)),
    "exists_one": ((1, 1), (2, 1)),
    "map": ((1, 1), (1, 2)),
    "filter": ((1, 1),),
    "transformList": ((2, 1), (2, 2)),
    "transformMap": ((2, 1), (2, 2)),
    "transformMapEntry": ((2, 1), (2, 2)),
    "optMap": ((1, 1),),
    "optFlatMap": ((1, 1),),
}


def expand_call(source: str, name: str, args: tuple[Node, ...], pos: int) -> Node:
    """Return the node for `name(args)`."""
    if name in {"has", ".has"} and len(args) == 1:
        operand = args[0]
        if not isinstance(operand, ast.Select) or operand.test or operand.optional:
            raise lexer.problem(source, pos, "has() takes a field, as in has(a.b)")
        return ast.Select(operand.operand, operand.field, test=True, pos=operand.pos)
    return ast.Call(name, args, pos=pos)


def expand_member_call(source: str, target: Node, name: str, args: tuple[Node, ...], pos: int) -> Node:
    """Return the node for `target.name(args)`."""
    if isinstance(target, ast.Ident) and target.name == "cel":
        special = _cel_namespace(source, name, args, pos)
        if special is not None:
            return special
    kind = _COMPREHENSIONS.get(name)
    if kind is not None:
        for variables, parts in _SHAPES[kind]:
            if variables + parts == len(args):
                names = tuple(_variable(source, arg) for arg in args[:variables])
                if len(set(names)) != len(names):
                    raise lexer.problem(source, pos, f"{name}() needs two different variables")
                return ast.Macro(kind, target, names, args[variables:], pos=pos)
    return ast.Call(name, args, target, pos=pos)


def _cel_namespace(source: str, name: str, args: tuple[Node, ...], pos: int) -> Node | None:
    if name == "bind" and len(args) == 3:
        return ast.Macro("bind", args[1], (_variable(source, args[0]),), (args[2],), pos=pos)
    if name == "block" and len(args) == 2:
        slots = args[0]
        if not isinstance(slots, ast.ListExpr) or slots.optional_indices:
            raise lexer.problem(source, pos, "cel.block() takes a list of expressions first")
        names = tuple(f"@index{number}" for number in range(len(slots.items)))
        return ast.Macro("block", slots, names, (args[1],), pos=pos)
    if name == "index" and len(args) == 1:
        number = args[0]
        if isinstance(number, ast.Literal) and number.kind == "int" and int(number.value or 0) >= 0:
            return ast.Ident(f"@index{int(number.value or 0)}", pos=pos)
        raise lexer.problem(source, pos, "cel.index() takes a number")
    return None


def _variable(source: str, node: Node) -> str:
    if isinstance(node, ast.Ident) and not node.name.startswith((".", "@")):
        return node.name
    raise lexer.problem(source, node.pos, "a variable must be a plain name")
