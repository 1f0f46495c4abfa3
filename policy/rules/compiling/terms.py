"""Value expressions as Python source, where their types are proven by the contract's schema.

What must stay true: the source computes exactly what the interpreter would, given valid input. Whatever is
not proven (dynamic or nullable fields, macros, timestamps, regular expressions) is no term, and the caller
leaves it to the interpreter. Whole numbers are checked for overflow unless bounds of the schema exclude it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from policy.rules import conditions
from policy.rules.cel import types
from policy.rules.cel.ast import Call, Ident, ListExpr, Literal, Node, Select, dotted_name
from policy.rules.compiling import runtime

COMPARE = {"_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">=", "_==_": "==", "_!=_": "!="}
ARITHMETIC = {"_+_": "+", "_-_": "-", "_*_": "*", "_/_": "/", "_%_": "%"}
KINDS: dict[types.Type, str] = {
    types.INT: "int",
    types.DOUBLE: "double",
    types.STRING: "string",
    types.BOOL: "bool",
}
NUMERIC = ("int", "double")


@dataclass(frozen=True, slots=True)
class Term:
    """A strict expression: it has a value exactly when everything it needs is there and nothing raises."""

    source: str
    kind: str
    needs: tuple[str, ...] = ()
    raises: bool = False
    early: bool = False
    """Something may raise before a later need is looked at: a missing value is not always the cause."""
    low: int = runtime.LOWEST
    high: int = runtime.HIGHEST


@dataclass(slots=True)
class Names:
    """The Python names of one generated function: fields it loads, constants it refers to."""

    scope: conditions.Scope
    loads: dict[str, list[str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)
    constants: dict[str, Any] = field(default_factory=dict)
    counter: int = 0

    def fresh(self, prefix: str) -> str:
        """Return a name not used before."""
        self.counter += 1
        return f"{prefix}{self.counter}"

    def constant(self, value: Any) -> str:
        """Return the name of a constant."""
        name = self.fresh("K")
        self.constants[name] = value
        return name

    def variable(self, path: str, fields: tuple[types.Field, ...]) -> str:
        """Return the local variable of a declared path and remember how it is loaded."""
        if path in self.variables:
            return self.variables[path]
        parent, _, step = path.rpartition(".")
        above = self.variable(parent, fields[:-1]) if parent else "d"
        name = self.fresh("v")
        self.variables[path] = name
        uncertain = parent and above in self.optional
        if not fields[-1].required or uncertain:
            self.optional[name] = path
            source = f"{above}.get({step!r}, M)"
            source = f"M if {above} is M else {source}" if uncertain else source
        else:
            source = f"{above}[{step!r}]"
        self.loads[name] = [*(self.loads[above] if parent else []), f"{name} = {source}"]
        return name

    def needed(self, path: str) -> tuple[str, ...]:
        """Return the variables, outermost first, that must be present for a path to have a value."""
        steps = path.split(".")
        above = (self.variables[".".join(steps[: place + 1])] for place in range(len(steps)))
        return tuple(name for name in above if name in self.optional)


def merge(*parts: Term) -> tuple[str, ...]:
    """Return what several terms need, in order."""
    return tuple(dict.fromkeys(name for part in parts for name in part.needs))


def combine(
    source: str,
    kind: str,
    parts: Sequence[Term],
    *,
    raises: bool = False,
    low: int = runtime.LOWEST,
    high: int = runtime.HIGHEST,
) -> Term:
    """Return a term made of others, evaluated from left to right; `raises` says that it may do so itself."""
    may_raise = early = False
    looked_at: set[str] = set()
    for part in parts:
        early = early or part.early or (may_raise and not looked_at.issuperset(part.needs))
        may_raise = may_raise or part.raises
        looked_at.update(part.needs)
    return Term(source, kind, merge(*parts), may_raise or raises, early, low, high)


def build(node: Node, names: Names) -> Term | None:
    """Return the term of an expression, or None where it is not proven."""
    if isinstance(node, Literal):
        return _literal(node)
    if isinstance(node, Ident | Select):
        return _path(node, names)
    if isinstance(node, Call):
        if node.function in COMPARE and len(node.args) == 2:
            return _comparison(node, names)
        if node.function in ARITHMETIC and len(node.args) == 2:
            return _arithmetic(node, names)
        if node.function == "@in":
            return _membership(node, names)
        maker = _FUNCTIONS.get(node.function)
        arguments = node.args if node.target is None else (node.target, *node.args)
        parts = [build(argument, names) for argument in arguments]
        if maker is not None and all(parts):
            return maker([part for part in parts if part is not None])
    return None


def _literal(node: Literal) -> Term | None:
    value = node.value
    if node.kind == "int" and isinstance(value, int):
        return Term(f"({value})" if value < 0 else str(value), "int", low=value, high=value)
    if node.kind == "double" and isinstance(value, float) and math.isfinite(value):
        return Term(f"({value!r})" if value < 0 else repr(value), "double")
    if node.kind in ("string", "bool"):
        return Term(repr(value), node.kind)
    return None


def _path(node: Node, names: Names) -> Term | None:
    name = dotted_name(node)
    if name is None or name.startswith("."):
        return None
    path = names.scope.plain(name)
    fields = names.scope.fields(path)
    if fields is None or any(found.is_nullable for found in fields):
        return None
    last = fields[-1]
    kind = KINDS.get(last.type)
    if isinstance(last.type, types.ListType) and last.type.element in (types.STRING, types.INT):
        kind = "list:" + KINDS[last.type.element]
    if kind is None:
        return None
    variable = names.variable(path, fields)
    low, high = runtime.LOWEST, runtime.HIGHEST
    if kind == "int" and last.domain is not None and last.domain.values is None:
        low = low if last.domain.minimum is None else max(low, math.floor(last.domain.minimum))
        high = high if last.domain.maximum is None else min(high, math.ceil(last.domain.maximum))
    return Term(variable, kind, names.needed(path), low=low, high=high)


def _comparison(node: Call, names: Names) -> Term | None:
    left, right = build(node.args[0], names), build(node.args[1], names)
    if left is None or right is None:
        return None
    same = left.kind == right.kind and left.kind in ("string", "bool")
    numbers = left.kind in NUMERIC and right.kind in NUMERIC
    ordered = node.function not in ("_==_", "_!=_")
    if not (same or numbers) or (ordered and left.kind == "bool"):
        return None
    source = f"({left.source} {COMPARE[node.function]} {right.source})"
    return combine(source, "bool", (left, right))


def _membership(node: Call, names: Names) -> Term | None:
    item, container = build(node.args[0], names), node.args[1]
    if item is None or item.kind not in ("string", "int", "double"):
        return None
    if isinstance(container, ListExpr) and not container.optional_indices:
        parts = [part for part in container.items if isinstance(part, Literal)]
        kinds = {part.kind for part in parts}
        fits = kinds == {"string"} if item.kind == "string" else kinds <= {"int", "double"}
        if len(parts) != len(container.items) or not parts or not fits:
            return None
        allowed = names.constant(frozenset(part.value for part in parts))
        return combine(f"({item.source} in {allowed})", "bool", (item,))
    held = build(container, names)
    if held is None or held.kind != f"list:{item.kind}":
        return None
    return combine(f"({item.source} in {held.source})", "bool", (item, held))


def _as_number(term: Term) -> str:
    """Return the source with the Python type that the language's type asks for: JSON may write 1 for 1.0."""
    if not term.source.startswith("v"):
        return term.source
    return f"{'int' if term.kind == 'int' else 'float'}({term.source})"


def _arithmetic(node: Call, names: Names) -> Term | None:
    left, right = build(node.args[0], names), build(node.args[1], names)
    if left is None or right is None or left.kind != right.kind:
        return None
    sign, parts = ARITHMETIC[node.function], (left, right)
    if left.kind == "string" and sign == "+":
        return combine(f"({left.source} + {right.source})", "string", parts)
    one, two = _as_number(left), _as_number(right)
    if left.kind == "double" and sign != "%":
        source = f"quotient({one}, {two})" if sign == "/" else f"({one} {sign} {two})"
        return combine(source, "double", parts)
    if left.kind != "int":
        return None
    if sign in "/%":
        function = "divide" if sign == "/" else "modulo"
        return combine(f"{function}({one}, {two})", "int", parts, raises=True)
    corners = {
        "+": [left.low + right.low, left.high + right.high],
        "-": [left.low - right.high, left.high - right.low],
        "*": [one_side * other for one_side in (left.low, left.high) for other in (right.low, right.high)],
    }[sign]
    low, high = min(corners), max(corners)
    if low >= runtime.LOWEST and high <= runtime.HIGHEST:
        return combine(f"({one} {sign} {two})", "int", parts, low=low, high=high)
    return combine(f"int64({one} {sign} {two})", "int", parts, raises=True)


def _size(parts: list[Term]) -> Term | None:
    if len(parts) != 1 or not (parts[0].kind == "string" or parts[0].kind.startswith("list:")):
        return None
    return combine(f"len({parts[0].source})", "int", parts, low=0, high=2**40)


def _text_test(method: str) -> Callable[[list[Term]], Term | None]:
    def make(parts: list[Term]) -> Term | None:
        if len(parts) != 2 or any(part.kind != "string" for part in parts):
            return None
        one, two = parts
        source = (
            f"({two.source} in {one.source})" if method == "in" else f"{one.source}.{method}({two.source})"
        )
        return combine(source, "bool", parts)

    return make


def _double(parts: list[Term]) -> Term | None:
    if len(parts) != 1 or parts[0].kind not in NUMERIC:
        return None
    return combine(f"float({parts[0].source})", "double", parts)


def _negative(parts: list[Term]) -> Term | None:
    if len(parts) != 1 or parts[0].kind not in NUMERIC:
        return None
    part = parts[0]
    source = f"(-{_as_number(part)})"
    if part.kind == "double":
        return combine(source, "double", parts)
    if part.low > runtime.LOWEST:
        return combine(source, "int", parts, low=-part.high, high=-part.low)
    return combine(f"int64{source}", "int", parts, raises=True)


_FUNCTIONS: dict[str, Callable[[list[Term]], Term | None]] = {
    "size": _size,
    "startsWith": _text_test("startswith"),
    "endsWith": _text_test("endswith"),
    "contains": _text_test("in"),
    "double": _double,
    "-_": _negative,
}
