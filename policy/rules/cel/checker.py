"""The type checker: finds what cannot mean anything before an expression is ever evaluated.

It reads the same table of functions that evaluation uses. It returns a tree of its own, in which names are
resolved: `math.abs(x)` is one call, a qualified variable is one identifier, and a whole-number literal
beside a double is a double literal, so that `dti > 0` and `dti * 2` mean what the author of a JSON `number`
expects. Every finding is collected; one mistake is reported once, its consequences are not.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from policy.rules.cel import ast, domains, functions, types, values
from policy.rules.cel.ast import Node
from policy.rules.cel.comprehensions import MacroChecks
from policy.rules.cel.environment import Environment, candidates
from policy.rules.cel.problems import CheckProblems, Problem
from policy.rules.cel.types import Domain, ListType, MapType, ObjectType, OptionalType, Type

Scope = dict[str, Type]
Result = tuple[Node, Type]
_PROMOTING = frozenset({"_+_", "_-_", "_*_", "_/_", "_==_", "_!=_", "_<_", "_<=_", "_>_", "_>=_", "@in"})
_LONGEST_SUGGESTED = 60
# Past this many findings an expression is not a mistake any more; looking on would only cost time.
_MOST_PROBLEMS = 50
_ORDER = frozenset({"<", "<=", ">", ">="})


@dataclass(frozen=True, slots=True)
class Reference:
    """A place where the expression reads a variable or a field of one, under its dotted path."""

    path: str
    pos: int
    type: Type
    is_required: bool
    is_tested: bool = False


@dataclass(frozen=True)
class Checked:
    """A checked expression: evaluate or compile `node`. `types` is keyed by the id of a node in it."""

    node: Node
    type: Type
    types: dict[int, Type]
    references: tuple[Reference, ...]

    def type_of(self, node: Node) -> Type:
        """Return the type of a node of the tree."""
        return self.types.get(id(node), types.DYN)


def check(
    node: Node, environment: Environment, *, source: str | None = None, expected: Type | None = None
) -> Checked:
    """Check an expression. Raises CheckProblems.

    `source` gives findings their line; without it the text is taken for one line. `expected` is the type
    that the whole must have, such as BOOL for a condition.
    """
    checker = _Checker(environment, source)
    checked, found = checker.visit(node, {})
    if expected is not None and not types.assignable(found, expected, {}):
        checker.report(node.pos, "wrong_type", f"the expression is {found}, but must be {expected}")
    if checker.problems:
        raise CheckProblems(checker.problems)
    return Checked(checked, found, checker.types, tuple(checker.references))


class _Checker(MacroChecks):
    def __init__(self, environment: Environment, source: str | None) -> None:
        self.environment = environment
        self.source = source
        self.problems: list[Problem] = []
        self.types: dict[int, Type] = {}
        self.references: list[Reference] = []
        self.domains: dict[int, tuple[str, Domain]] = {}
        # Facts are kept by identity, so no node may be freed (and its identity reused) on the way.
        self.kept: list[Node] = []

    def report(self, pos: int, code: str, message: str) -> None:
        """Note a finding."""
        line, column = (1, pos + 1) if self.source is None else ast.line_and_column(self.source, pos)
        self.problems.append(Problem(line, column, code, message))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise CheckProblems(self.problems)

    def note(self, node: Node, found: Type) -> Result:
        """Remember the type of a node."""
        self.types[id(node)] = found
        self.kept.append(node)
        return node, found

    def visit(self, node: Node, scope: Scope) -> Result:
        """Check a node and return its resolved form with its type."""
        if isinstance(node, ast.Literal):
            return self.note(node, types.SIMPLE[node.kind])
        if isinstance(node, ast.Ident):
            return self.ident(node, scope)
        if isinstance(node, ast.Select):
            return self.select(node, scope)
        if isinstance(node, ast.Index):
            return self.index(node, scope)
        if isinstance(node, ast.Call):
            return self.call(node, scope)
        if isinstance(node, ast.ListExpr):
            return self.list_expression(node, scope)
        if isinstance(node, ast.MapExpr):
            return self.map_expression(node, scope)
        if isinstance(node, ast.Macro):
            return self.macro(node, scope)
        self.report(node.pos, "unknown_type", f"there is no message type '{node.type_name}'")
        return self.note(node, types.DYN)

    # Names and fields

    def ident(self, node: ast.Ident, scope: Scope) -> Result:
        if node.name in scope:
            return self.note(node, scope[node.name])
        found = self.variable(node.name, node)
        if found is not None:
            return found
        name = node.name.lstrip(".")
        known = [*scope, *self.environment.variables]
        self.report(node.pos, "unknown_name", f"unknown name '{name}'{_suggestion(name, known)}")
        return self.note(node, types.DYN)

    def variable(self, name: str, node: ast.Ident | ast.Select) -> Result | None:
        """Look a (dotted) name up outside of the expression."""
        for full in candidates(name, self.environment.container):
            if full in self.environment.variables:
                found = self.environment.variables[full]
                is_plain = isinstance(node, ast.Ident) and node.name == full
                resolved: Node = node if is_plain else ast.Ident(f".{full}", pos=_start(node))
                domain = self.environment.domain(full)
                if domain is not None:
                    self.domains[id(resolved)] = (full, domain)
                required = self.environment.is_required(full)
                self.references.append(Reference(full, _start(node), found, required))
                return self.note(resolved, found)
            if full in values.TYPE_VALUES:
                return self.note(ast.Ident(f".{full}", pos=_start(node)), types.TYPE)
        return None

    def select(self, node: ast.Select, scope: Scope) -> Result:
        dotted = ast.dotted_name(node)
        if dotted is not None and dotted.split(".", 1)[0] not in scope:
            found = self.variable(dotted, node)
            if found is not None:
                return found
        operand, operand_type = self.visit(node.operand, scope)
        is_optional = isinstance(operand_type, OptionalType)
        inner = operand_type.value if isinstance(operand_type, OptionalType) else operand_type
        result = dataclasses.replace(node, operand=operand)
        member = self.member(node, inner, result)
        if node.test:
            return self.note(result, types.BOOL)
        return self.note(result, OptionalType(member) if node.optional or is_optional else member)

    def member(self, node: ast.Select, owner: Type, result: ast.Select) -> Type:
        """Return the type of a field of an owner, and remember what is known of it."""
        if owner == types.DYN or isinstance(owner, types.TypeParam):
            return types.DYN
        if isinstance(owner, MapType):
            if not types.assignable(types.STRING, owner.key, {}):
                self.report(node.pos, "wrong_type", f"'.{node.field}' on {owner}, whose keys are no strings")
            return owner.value
        if not isinstance(owner, ObjectType):
            message = f"{_shown(node.operand)} is {owner} and has no field '{node.field}'"
            self.report(node.pos, "wrong_type", message)
            return types.DYN
        found = owner.fields.get(node.field)
        if found is None:
            hint = _suggestion(node.field, owner.fields)
            self.report(node.pos, "unknown_field", f"unknown field '{node.field}' of {owner}{hint}")
            return types.DYN
        path = ast.dotted_name(dataclasses.replace(result, test=False, optional=False))
        if path is not None:
            path = path.lstrip(".")
            is_tested = node.test or node.optional
            reference = Reference(path, _start(node), found.type, found.required, is_tested)
            self.references.append(reference)
            if found.domain is not None:
                self.domains[id(result)] = (path, found.domain)
        return found.type

    def index(self, node: ast.Index, scope: Scope) -> Result:
        operand, owner = self.visit(node.operand, scope)
        key, key_type = self.visit(node.index, scope)
        is_optional = node.optional or isinstance(owner, OptionalType)
        if isinstance(owner, OptionalType):
            owner = owner.value
        element: Type = types.DYN
        if isinstance(owner, ListType):
            element = owner.element
            if key_type not in types.NUMBERS | {types.DYN}:
                self.report(node.index.pos, "wrong_type", f"a list has no index of type {key_type}")
        elif isinstance(owner, MapType):
            element = owner.value
            if not types.comparable(key_type, owner.key):
                self.report(node.index.pos, "wrong_type", f"{owner} has no key of type {key_type}")
        elif isinstance(owner, ObjectType):
            element = self.index_of_object(node, owner, key)
        elif owner != types.DYN:
            self.report(node.pos, "wrong_type", f"{_shown(node.operand)} is {owner} and has no elements")
        result = dataclasses.replace(node, operand=operand, index=key)
        return self.note(result, OptionalType(element) if is_optional else element)

    def index_of_object(self, node: ast.Index, owner: ObjectType, key: Node) -> Type:
        if not isinstance(key, ast.Literal) or not isinstance(key.value, str):
            return types.DYN
        found = owner.fields.get(key.value)
        if found is None:
            hint = _suggestion(key.value, owner.fields)
            self.report(node.index.pos, "unknown_field", f"unknown field '{key.value}' of {owner}{hint}")
            return types.DYN
        return found.type

    # Calls

    def call(self, node: ast.Call, scope: Scope) -> Result:
        name, parts, is_method = self.function(node, scope)
        results = [self.visit(part, scope) for part in parts]
        args, arg_types = [found[0] for found in results], [found[1] for found in results]
        if name in {"_&&_", "_||_", "!_"}:
            for place, part in enumerate(parts):
                self.condition(part, arg_types[place], f"'{name.strip('_')}'")
            return self.finish(node, name, args, is_method, types.BOOL)
        if name == "_?_:_":
            return self.choice(node, args, arg_types)
        if name in _PROMOTING:
            args, arg_types = self.promote_all(args, arg_types)
        if name in {"_==_", "_!=_", "@in"}:
            self.equality(node, name, args, arg_types)
            return self.finish(node, name, args, is_method, types.BOOL)
        if name in {"math.greatest", "math.least"}:
            return self.finish(node, name, args, is_method, self.extreme(node, name, arg_types))
        result = self.overload(node, name, is_method, parts, arg_types)
        sign = name.strip("_")
        if sign in _ORDER and result == types.BOOL:
            self.never_holds(node, sign, args)
        return self.finish(node, name, args, is_method, result)

    def finish(self, node: ast.Call, name: str, args: list[Node], is_method: bool, found: Type) -> Result:
        target, rest = (args[0], args[1:]) if is_method else (None, args)
        return self.note(ast.Call(name, tuple(rest), target, pos=node.pos), found)

    def function(self, node: ast.Call, scope: Scope) -> tuple[str, tuple[Node, ...], bool]:
        """Return the full name, the arguments, and whether it is a method with its target first."""
        if node.target is None:
            return self.known(node.function) or node.function, node.args, False
        dotted = ast.dotted_name(node.target)
        if dotted is not None and dotted.split(".", 1)[0] not in scope:
            name = self.known(f"{dotted}.{node.function}")
            if name is not None:
                return name, node.args, False
        return node.function, (node.target, *node.args), True

    def known(self, name: str) -> str | None:
        names = candidates(name, self.environment.container)
        return next((full for full in names if functions.find(full, is_method=False)), None)

    def overload(
        self, node: ast.Call, name: str, is_method: bool, parts: tuple[Node, ...], arg_types: list[Type]
    ) -> Type:
        entries = functions.find(name, is_method=is_method)
        if not entries:
            hint = _suggestion(name, functions.names())
            what = "method" if is_method else "function"
            self.report(node.pos, "unknown_function", f"unknown {what} '{name}'{hint}")
            return types.DYN
        results: list[Type] = []
        for entry in entries:
            bound: types.Bindings = {}
            if len(entry.params) == len(arg_types) and all(
                types.assignable(actual, wanted, bound)
                for actual, wanted in zip(arg_types, entry.params, strict=True)
            ):
                results.append(types.substitute(entry.result, bound))
        if not results:
            self.report(node.pos, "no_overload", _no_overload(name, is_method, parts, arg_types))
        return types.join(results)

    def condition(self, node: Node, found: Type, where: str) -> None:
        if found not in {types.BOOL, types.DYN} and not isinstance(found, types.TypeParam):
            message = f"{_shown(node)} is {found}, but {where} takes bool"
            self.report(node.pos, "wrong_type", message)

    def choice(self, node: ast.Call, args: list[Node], arg_types: list[Type]) -> Result:
        self.condition(args[0], arg_types[0], "'?:'")
        (yes, no), (yes_type, no_type) = self.promote_all(args[1:], arg_types[1:])
        if types.assignable(yes_type, no_type, {}):
            found = no_type if yes_type != types.DYN else types.DYN
        elif types.assignable(no_type, yes_type, {}):
            found = yes_type
        else:
            found = types.DYN
            message = f"'?:' gives {yes_type} or {no_type}; both sides must have one type"
            self.report(node.pos, "wrong_type", message)
        return self.finish(node, "_?_:_", [args[0], yes, no], False, found)

    def extreme(self, node: ast.Call, name: str, arg_types: list[Type]) -> Type:
        only = arg_types[0] if len(arg_types) == 1 else None
        numbers = [only.element] if isinstance(only, ListType) else arg_types
        wrong = [found for found in numbers if found not in types.NUMBERS | {types.DYN}]
        if wrong or not arg_types:
            self.report(
                node.pos, "no_overload", f"{name}() takes numbers, not {wrong[0] if wrong else 'nothing'}"
            )
        return types.join(numbers)

    def equality(self, node: ast.Call, name: str, args: list[Node], arg_types: list[Type]) -> None:
        left, right = arg_types
        if name == "@in":
            right = self.member_type(node, right)
        if not types.comparable(left, right):
            sign = {"@in": "in"}.get(name, name.strip("_"))
            self.report(node.pos, "no_overload", f"{left} {sign} {arg_types[1]} can never be true")
        elif name == "_==_":
            self.never_holds(node, "==", args)
        elif name == "@in" and isinstance(args[1], ast.ListExpr) and not args[1].optional_indices:
            for item in args[1].items:
                self.never_holds(node, "==", [args[0], item], item.pos)

    def member_type(self, node: ast.Call, owner: Type) -> Type:
        if isinstance(owner, ListType):
            return owner.element
        if isinstance(owner, MapType):
            return owner.key
        if isinstance(owner, ObjectType):
            return types.STRING
        if owner != types.DYN:
            self.report(node.pos, "no_overload", f"'in' takes a list or a map, not {owner}")
        return types.DYN

    def never_holds(self, node: ast.Call, sign: str, args: list[Node], pos: int | None = None) -> None:
        """Report a comparison of a field with a constant that its contract rules out."""
        field, constant = args
        if isinstance(field, ast.Literal):
            field, constant, sign = constant, field, domains.MIRRORED[sign]
        known = self.domains.get(id(field))
        if known is None or not isinstance(constant, ast.Literal) or constant.value is None:
            return
        path, domain = known
        if not domains.can_hold(domain, sign, constant.value):
            message = f"{path} {sign} {constant.value!r} never holds: {path} is {domain}"
            self.report(node.pos if pos is None else pos, "never_holds", message)

    # Whole-number literals beside doubles

    def promote_all(self, args: list[Node], arg_types: list[Type]) -> tuple[list[Node], list[Type]]:
        wanted = {types.DOUBLE, ListType(types.DOUBLE)}
        if not wanted.intersection(arg_types):
            return args, arg_types
        pairs = [self.promote(arg, found) for arg, found in zip(args, arg_types, strict=True)]
        return [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def promote(self, node: Node, found: Type) -> Result:
        """Return a constant of whole numbers as doubles; anything else as it is."""
        if found == ListType(types.INT) and isinstance(node, ast.ListExpr):
            items = [self.promote(item, types.INT) for item in node.items]
            if all(item_type == types.DOUBLE for _, item_type in items):
                promoted = dataclasses.replace(node, items=tuple(item for item, _ in items))
                return self.note(promoted, ListType(types.DOUBLE))
        if found == types.INT and isinstance(node, ast.Literal):
            return self.note(ast.Literal(float(node.value or 0), "double", pos=node.pos), types.DOUBLE)
        if found == types.INT and isinstance(node, ast.Call) and node.function in {"_+_", "_-_", "_*_", "-_"}:
            parts = [self.promote(arg, self.types[id(arg)]) for arg in node.args]
            if all(part_type == types.DOUBLE for _, part_type in parts):
                return self.finish(node, node.function, [part for part, _ in parts], False, types.DOUBLE)
        if found == types.INT and isinstance(node, ast.Call) and node.function == "_?_:_":
            parts = [self.promote(arg, self.types[id(arg)]) for arg in node.args[1:]]
            if all(part_type == types.DOUBLE for _, part_type in parts):
                args = [node.args[0], *(part for part, _ in parts)]
                return self.finish(node, node.function, args, False, types.DOUBLE)
        return node, found


def _start(node: Node) -> int:
    """Return where the text of a name or a chain of fields begins."""
    while isinstance(node, ast.Select):
        node = node.operand
    return node.pos


def _shown(node: Node) -> str:
    if isinstance(node, ast.Literal):
        return repr(node.value)
    return ast.dotted_name(node) or "this"


def _suggestion(name: str, known: Iterable[str]) -> str:
    if len(name) > _LONGEST_SUGGESTED:
        return ""
    close = difflib.get_close_matches(name, [str(other) for other in known], n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _no_overload(name: str, is_method: bool, parts: tuple[Node, ...], arg_types: list[Type]) -> str:
    sign = name.strip("_")
    if name.startswith("_") and len(arg_types) == 2:
        message = f"{_shown(parts[0])} is {arg_types[0]} and {_shown(parts[1])} is {arg_types[1]}"
        hint = ""
        if {types.TIMESTAMP, types.STRING} == set(arg_types):
            hint = "; write timestamp('...') for the moment"
        elif {types.INT, types.DOUBLE} == set(arg_types):
            hint = "; write double(...) around the int"
        return f"{message}: there is no '{sign}' between them{hint}"
    shown = [str(found) for found in arg_types]
    call = f"{shown[0]}.{name}({', '.join(shown[1:])})" if is_method else f"{name}({', '.join(shown)})"
    return f"there is no {call}"
