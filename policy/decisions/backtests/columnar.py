"""The rule language as DuckDB SQL, for the part of it that both engines provably compute alike.

What must stay true: an expression is translated only where SQL gives the row engine's answer on every row.
Missing is NULL, and CEL's absorbing ``&&``/``||`` over a missing value is exactly SQL's three-valued logic.
Where a value of one row could leave the common ground (a zero divisor, a number beyond 2**40, from where
overflow or rounding could differ) the translation adds a *hazard*: a condition that sends that row to the
row engine. Whatever has no translation raises NotExpressible, and the whole run uses the row engine.

Expressions carry a bound on their magnitude, so that integer arithmetic cannot overflow and integers meet
doubles only where a double holds them exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from policy.rules.cel import ast
from policy.rules.conditions import ROOT

LIMIT = 2**40
MOST = float(LIMIT)
_EXACT, _INT64 = 2.0**53, 2.0**62
_NUMBERS = frozenset({"int", "double"})
_TYPES = {"integer": "int", "number": "double", "string": "string", "boolean": "bool"}
SQL_TYPES = {"int": "BIGINT", "double": "DOUBLE", "string": "VARCHAR", "bool": "BOOLEAN"}
_COMPARISONS = {"_==_": "=", "_!=_": "<>", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
_ARITHMETIC = {"_+_": "+", "_-_": "-", "_*_": "*"}
_ANNOTATIONS = {"title", "description", "default", "examples", "$comment", "format", "deprecated"}
_KEYWORDS = {"type", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "enum", "const"}
_LENGTHS = {"minLength", "maxLength"}
_ROOT = {"type", "properties", "required", "additionalProperties", "$schema", "$id"}


class NotExpressible(Exception):
    """The expression or schema has no columnar form; use the row engine."""


@dataclass(frozen=True, slots=True)
class Column:
    """One input field: its name, type and whether every row must have it."""

    name: str
    type: str
    required: bool
    limits: tuple[tuple[str, Any], ...] = ()

    @property
    def sql(self) -> str:
        """Return the quoted name."""
        return quote(self.name)


class Known(Protocol):
    """What is true of every value of a column; None where it is not known."""

    @property
    def has_nulls(self) -> bool: ...
    @property
    def least(self) -> float | None: ...
    @property
    def most(self) -> float | None: ...
    @property
    def words(self) -> frozenset[str] | None: ...


@dataclass(frozen=True, slots=True)
class Sql:
    """A translated expression: text, type, the largest magnitude, and the value where it is a constant."""

    text: str
    type: str
    most: float = 0.0
    constant: Any = None


def quote(name: str) -> str:
    """Return a quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Return a SQL constant of exactly this value."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return f"({value})::BIGINT"
    if isinstance(value, float):
        # A plain 0.35 would be a DECIMAL and compare differently.
        return f"'{value!r}'::DOUBLE"
    return "'" + str(value).replace("'", "''") + "'"


def columns_of(schema: Mapping[str, Any]) -> dict[str, Column]:
    """Return the columns of a flat JSON schema; raises NotExpressible."""
    if schema.get("type") != "object" or set(schema) - _ROOT - _ANNOTATIONS:
        raise NotExpressible("the schema is not a flat object")
    if schema.get("additionalProperties", True) not in (True, False):
        raise NotExpressible("additional properties have a schema")
    required = set(schema.get("required", ()))
    found = {}
    for name, spec in schema.get("properties", {}).items():
        kind = _TYPES.get(spec.get("type")) if isinstance(spec.get("type"), str) else None
        known = _KEYWORDS | _ANNOTATIONS | (_LENGTHS if kind == "string" else set())
        if kind is None or set(spec) - known:
            raise NotExpressible(f"the field {name} is not a plain value")
        limits = tuple((key, spec[key]) for key in sorted(set(spec) & (known - _ANNOTATIONS - {"type"})))
        found[name] = Column(name, kind, name in required, limits)
    if required - set(found):
        raise NotExpressible("a required field has no type")
    return found


_LIMITS: dict[str, Callable[[str, Any], str]] = {
    "minimum": lambda name, value: f"{name} >= {literal(value)}",
    "maximum": lambda name, value: f"{name} <= {literal(value)}",
    "exclusiveMinimum": lambda name, value: f"{name} > {literal(value)}",
    "exclusiveMaximum": lambda name, value: f"{name} < {literal(value)}",
    "enum": lambda name, value: f"{name} IN ({', '.join(literal(item) for item in value)})",
    "const": lambda name, value: f"{name} = {literal(value)}",
    "minLength": lambda name, value: f"length({name}) >= {int(value)}",
    "maxLength": lambda name, value: f"length({name}) <= {int(value)}",
}


def _holds(keyword: str, value: Any, known: Known) -> bool:
    """Say whether a limit is known to hold for every value of the column."""
    if keyword == "enum":
        return known.words is not None and known.words <= set(value)
    if known.least is None or known.most is None or not isinstance(value, (int, float)):
        return False
    return (keyword == "minimum" and known.least >= value) or (keyword == "maximum" and known.most <= value)


def validity(columns: Mapping[str, Column], known: Mapping[str, Known] | None = None) -> str:
    """Return the condition under which the schema accepts a row, less what is known of all rows."""
    parts = []
    for column in columns.values():
        facts = (known or {}).get(column.name)
        if column.required and (facts is None or facts.has_nulls):
            parts.append(f"{column.sql} IS NOT NULL")
        for keyword, value in column.limits:
            values = value if keyword == "enum" else [value]
            wanted = str if column.type == "string" and keyword not in _LENGTHS else (int, float)
            if any(not isinstance(item, wanted) for item in values):
                raise NotExpressible(f"the limit {keyword} of {column.name} is of another type")
            if facts is None or not _holds(keyword, value, facts):
                parts.append(f"coalesce({_LIMITS[keyword](column.sql, value)}, TRUE)")
    return " AND ".join(parts) or "TRUE"


def is_wide(column: Column, known: Known | None) -> bool:
    """Say whether a column may hold numbers beyond the common ground."""
    if column.type not in _NUMBERS:
        return False
    if known is None or (known.least is None and known.has_nulls):
        return known is None
    return known.least is None or known.most is None or known.least < -LIMIT or known.most > LIMIT


@dataclass(slots=True)
class Translator:
    """Translates conditions over one set of columns and gathers their hazards.

    ``wide`` hazards are asked of the raw columns; whoever runs the SQL must make such values NULL before
    the expressions see them, because integer overflow is an error in SQL even in a row that is left out.
    """

    columns: Mapping[str, Column]
    wide: dict[str, None] = field(default_factory=dict)
    hazards: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)

    def condition(self, node: ast.Node) -> str:
        """Return the condition as SQL; raises NotExpressible."""
        return self._typed(node, "bool").text

    def cleaned(self, known: Mapping[str, Known] | None = None) -> str:
        """Return the columns in use as a list to select, with what is too wide made NULL."""
        texts = []
        for name in sorted(self.used):
            column = self.columns[name]
            if is_wide(column, (known or {}).get(name)):
                held = f"CASE WHEN {column.sql} BETWEEN {-LIMIT} AND {LIMIT} THEN {column.sql} END"
                texts.append(f"{held} AS {column.sql}")
            else:
                texts.append(column.sql)
        return ", ".join(texts)

    def hazard(self) -> str:
        """Return the condition, over cleaned columns, under which a row must go to the row engine."""
        return " OR ".join(f"coalesce({text}, FALSE)" for text in self.hazards) or "FALSE"

    def wide_hazard(self, known: Mapping[str, Known] | None = None) -> str:
        """Return the condition, over raw columns, under which a row must go to the row engine."""
        texts = [
            f"coalesce({self.columns[name].sql} NOT BETWEEN {-LIMIT} AND {LIMIT}, FALSE)"
            for name in self.wide
            if is_wide(self.columns[name], (known or {}).get(name))
        ]
        return " OR ".join(texts) or "FALSE"

    def _typed(self, node: ast.Node, *types: str) -> Sql:
        found = self.translate(node)
        if found.type not in types:
            raise NotExpressible(f"{found.type} where {' or '.join(types)} is needed")
        return found

    def translate(self, node: ast.Node) -> Sql:
        """Return one expression as SQL; raises NotExpressible."""
        if isinstance(node, ast.Literal):
            return self._literal(node)
        if isinstance(node, ast.Ident):
            return self._column(node.name.lstrip("."))
        if isinstance(node, ast.Select):
            return self._select(node)
        if isinstance(node, ast.Call):
            if node.function in _COMPARISONS:
                return self._comparison(node)
            if node.function in _ARITHMETIC:
                return self._arithmetic(node)
            handler = _HANDLERS.get(node.function)
            if handler is not None:
                return handler(self, node)
            raise NotExpressible(f"the function {node.function} has no columnar form")
        raise NotExpressible(f"{type(node).__name__} has no columnar form")

    def _literal(self, node: ast.Literal) -> Sql:
        if node.kind not in {"int", "double", "string", "bool"}:
            raise NotExpressible(f"a {node.kind} constant has no columnar form")
        value = node.value
        most = abs(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
        if not math.isfinite(most) or most > _INT64:
            raise NotExpressible("the constant is too large")
        if node.kind == "string" and "\x00" in str(value):
            raise NotExpressible("the constant holds a NUL")
        return Sql(literal(value), node.kind, most, value)

    def _column(self, name: str) -> Sql:
        column = self.columns.get(name)
        if column is None:
            raise NotExpressible(f"{name} is not a column")
        self.used.add(name)
        self._note_width(column)
        return Sql(column.sql, column.type, MOST) if column.type in _NUMBERS else Sql(column.sql, column.type)

    def _note_width(self, column: Column) -> None:
        if column.type in _NUMBERS:
            self.wide[column.name] = None

    def _select(self, node: ast.Select) -> Sql:
        # Only the whole input under its one name; deeper values have no column.
        root = node.operand.name.lstrip(".") if isinstance(node.operand, ast.Ident) else ""
        if node.optional or root != ROOT or ROOT in self.columns:
            raise NotExpressible("a nested value has no column")
        if not node.test:
            return self._column(node.field)
        if node.field not in self.columns:
            raise NotExpressible(f"{node.field} is not a column")
        # A value that is too wide is made NULL before the rules see it: here that would read as missing.
        self.used.add(node.field)
        self._note_width(self.columns[node.field])
        return Sql(f"({self.columns[node.field].sql} IS NOT NULL)", "bool")

    def _pair(self, node: ast.Call) -> tuple[Sql, Sql]:
        left, right = self.translate(node.args[0]), self.translate(node.args[1])
        return left, right

    def _comparison(self, node: ast.Call) -> Sql:
        left, right = self._pair(node)
        if {left.type, right.type} == {"int", "double"}:
            whole = left if left.type == "int" else right
            if whole.most >= _EXACT:
                raise NotExpressible("the integer may not be exact as a double")
        elif left.type != right.type:
            raise NotExpressible(f"{left.type} compared with {right.type}")
        if left.type == "bool" and node.function not in {"_==_", "_!=_"}:
            raise NotExpressible("booleans are compared for order")
        return Sql(f"({left.text} {_COMPARISONS[node.function]} {right.text})", "bool")

    def _arithmetic(self, node: ast.Call) -> Sql:
        left, right = self._pair(node)
        if left.type != right.type or left.type not in {"int", "double"}:
            raise NotExpressible(f"{left.type} {node.function} {right.type}")
        most = left.most * right.most if node.function == "_*_" else left.most + right.most
        # Beyond 1e300 a double could become infinite, and infinity minus itself is not a number.
        if not most < (_INT64 if left.type == "int" else 1e300):
            raise NotExpressible("the result may overflow")
        return Sql(f"({left.text} {_ARITHMETIC[node.function]} {right.text})", left.type, most)

    def _logic(self, node: ast.Call) -> Sql:
        word = "AND" if node.function == "_&&_" else "OR"
        left, right = self._typed(node.args[0], "bool"), self._typed(node.args[1], "bool")
        return Sql(f"({left.text} {word} {right.text})", "bool")

    def _not(self, node: ast.Call) -> Sql:
        return Sql(f"(NOT {self._typed(node.args[0], 'bool').text})", "bool")

    def _minus(self, node: ast.Call) -> Sql:
        inner = self._typed(node.args[0], "int", "double")
        return Sql(f"(- {inner.text})", inner.type, inner.most)

    def _divide(self, node: ast.Call) -> Sql:
        left, right = self._pair(node)
        if left.type != right.type or left.type not in {"int", "double"}:
            raise NotExpressible(f"{left.type} {node.function} {right.type}")
        if right.constant == 0:
            raise NotExpressible("division by zero")
        divisor = right.text
        if right.constant is None:
            # The row goes to the row engine; here it only must not stop the whole statement.
            self.hazards[f"{right.text} = 0"] = None
            divisor = f"nullif({right.text}, 0)"
        if node.function == "_%_":
            if left.type != "int":
                raise NotExpressible("the remainder of doubles is not in the language")
            return Sql(f"({left.text} % {divisor})", "int", right.most)
        if left.type == "int":
            return Sql(f"({left.text} // {divisor})", "int", left.most)
        if not math.isfinite(left.most):
            raise NotExpressible("the dividend may be infinite")
        # A tiny divisor may give infinity: good for a comparison, refused by further arithmetic.
        constant = right.constant
        most = left.most / abs(constant) if constant is not None else math.inf
        return Sql(f"({left.text} / {divisor})", "double", most)

    def _choice(self, node: ast.Call) -> Sql:
        test = self._typed(node.args[0], "bool")
        yes, no = self.translate(node.args[1]), self.translate(node.args[2])
        if yes.type != no.type:
            raise NotExpressible("the two outcomes differ in type")
        text = (
            f"(CASE WHEN {test.text} IS NULL THEN NULL WHEN {test.text} THEN {yes.text} ELSE {no.text} END)"
        )
        return Sql(text, yes.type, max(yes.most, no.most))

    def _in(self, node: ast.Call) -> Sql:
        item, among = self.translate(node.args[0]), node.args[1]
        if not isinstance(among, ast.ListExpr) or among.optional_indices:
            raise NotExpressible("membership of something that is not a list of constants")
        values = [self.translate(part) for part in among.items]
        if any(value.constant is None or value.type != item.type for value in values):
            raise NotExpressible("membership of something that is not a list of constants")
        if not values:
            return Sql(f"(CASE WHEN {item.text} IS NULL THEN NULL ELSE FALSE END)", "bool")
        return Sql(f"({item.text} IN ({', '.join(value.text for value in values)}))", "bool")

    def _size(self, node: ast.Call) -> Sql:
        inner = self._typed(node.target if node.target is not None else node.args[0], "string")
        return Sql(f"length({inner.text})", "int", MOST)

    def _affix(self, node: ast.Call) -> Sql:
        names = {"startsWith": "starts_with", "endsWith": "ends_with", "contains": "contains"}
        if node.target is None or len(node.args) != 1:
            raise NotExpressible(f"{node.function} is called oddly")
        text, part = self._typed(node.target, "string"), self._typed(node.args[0], "string")
        return Sql(f"{names[node.function]}({text.text}, {part.text})", "bool")

    def _double(self, node: ast.Call) -> Sql:
        inner = self._typed(node.args[0], "int", "double")
        if inner.type == "int" and inner.most >= _EXACT:
            raise NotExpressible("the integer may not be exact as a double")
        return Sql(f"({inner.text})::DOUBLE", "double", inner.most)

    def _int(self, node: ast.Call) -> Sql:
        inner = self._typed(node.args[0], "int", "double")
        if inner.type == "int":
            return inner
        if inner.most >= _EXACT:
            raise NotExpressible("the double may not fit an integer")
        return Sql(f"(trunc({inner.text}))::BIGINT", "int", inner.most)


_HANDLERS: dict[str, Callable[[Translator, ast.Call], Sql]] = {
    "_&&_": Translator._logic,
    "_||_": Translator._logic,
    "!_": Translator._not,
    "-_": Translator._minus,
    "_/_": Translator._divide,
    "_%_": Translator._divide,
    "_?_:_": Translator._choice,
    "@in": Translator._in,
    "size": Translator._size,
    "startsWith": Translator._affix,
    "endsWith": Translator._affix,
    "contains": Translator._affix,
    "double": Translator._double,
    "int": Translator._int,
}
