"""The reference interpreter: walks the tree, slowly and plainly, and is what compilers are compared with.

It is a pure function of the expression and its variables. `&&` and `||` are commutative in errors: a side
that decides the answer alone wins over an error on the other side, in either order; `all` and `exists`
inherit that. Work is paid for from a budget, by size, so that a short expression cannot describe hours of
work; running out is the one problem that nothing absorbs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from policy.rules.cel import ast, functions, values
from policy.rules.cel.ast import Node
from policy.rules.cel.environment import Environment, candidates
from policy.rules.cel.problems import CostExceeded, EvaluationProblem, MissingValue, NoSuchOverload
from policy.rules.cel.values import NONE, Optional

DEFAULT_COST = 1_000_000
_TYPES = dict(values.TYPE_VALUES)
# Functions whose work grows with the square of a list.
_QUADRATIC = frozenset({"distinct", "sets.contains", "sets.equivalent", "sets.intersects"})
_CONSTANT = frozenset({"size", "hasValue", "value", "or", "orValue", "_[_]", "dyn", "type", "optional.of"})
_EMPTY = Environment()


def interpret(
    node: Node,
    bindings: Mapping[str, Any],
    environment: Environment | None = None,
    *,
    cost: int = DEFAULT_COST,
) -> Any:
    """Return the value of an expression. Raises EvaluationProblem, and nothing else.

    Pass the node of `check(...)` and the result of `environment.bind(...)` to have exactly the types that
    were checked; a bare parsed node is evaluated by the language's own strict rules.
    """
    run = _Run(bindings, environment or _EMPTY, cost)
    try:
        return run.evaluate(node, {})
    except RecursionError as error:
        raise EvaluationProblem("the expression is nested too deeply") from error


Locals = dict[str, Any]


class _Run:
    def __init__(self, bindings: Mapping[str, Any], environment: Environment, cost: int) -> None:
        self.bindings = bindings
        self.container = environment.container
        self.left = cost
        self.handlers: dict[type, Callable[[Any, Locals], Any]] = {
            ast.Ident: lambda node, scope: self.name(node.name, scope),
            ast.Select: self.select,
            ast.Index: self.index,
            ast.Call: self.call,
            ast.ListExpr: self.list_expression,
            ast.MapExpr: self.map_expression,
            ast.Message: self.message,
            ast.Macro: self.macro,
        }

    def pay(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise CostExceeded("evaluation cost limit exceeded")

    def weigh(self, value: Any) -> int:
        size = 1
        if isinstance(value, str | bytes):
            size += len(value) // 32
        elif isinstance(value, list | tuple | dict | Optional):
            size = values.weight(value, self.left)
        self.pay(size)
        return size

    def evaluate(self, node: Node, scope: Locals) -> Any:
        self.pay(1)
        if isinstance(node, ast.Literal):
            return values.Uint(node.value) if node.kind == "uint" else node.value  # type: ignore[arg-type]
        return self.handlers[type(node)](node, scope)

    def attempt(self, node: Node, scope: Locals) -> Any:
        """Return the value, or the problem instead of raising it (but for an exhausted budget)."""
        try:
            return self.evaluate(node, scope)
        except CostExceeded:
            raise
        except EvaluationProblem as problem:
            return problem

    # Names and fields

    def name(self, name: str, scope: Locals) -> Any:
        if name in scope:
            return scope[name]
        for candidate in candidates(name, self.container):
            if candidate in self.bindings:
                return self.bindings[candidate]
            if candidate in _TYPES:
                return _TYPES[candidate]
        raise MissingValue(name.lstrip("."), f"unknown variable or no value: {name.lstrip('.')}")

    def qualified(self, node: ast.Select, scope: Locals) -> tuple[bool, Any]:
        """Look a dotted name up as one variable."""
        dotted = ast.dotted_name(node)
        if dotted is None or dotted.split(".", 1)[0] in scope:
            return False, None
        for candidate in candidates(dotted, self.container):
            if candidate in self.bindings:
                return True, self.bindings[candidate]
            if candidate in _TYPES:
                return True, _TYPES[candidate]
        return False, None

    def select(self, node: ast.Select, scope: Locals) -> Any:
        if not node.test and not node.optional:
            found, value = self.qualified(node, scope)
            if found:
                return value
        operand = self.evaluate(node.operand, scope)
        is_optional = isinstance(operand, Optional)
        if is_optional:
            if not operand.present:
                return False if node.test else NONE
            operand = operand.value
        if not isinstance(operand, dict):
            raise NoSuchOverload(
                f"no such key: a {values.kind(operand)} does not support field selection ('{node.field}')"
            )
        is_there = node.field in operand
        if node.test:
            return is_there
        if node.optional or is_optional:
            return Optional(operand[node.field]) if is_there else NONE
        if not is_there:
            path = ast.dotted_name(node) or node.field
            raise MissingValue(path, f"no such key: '{node.field}'")
        return operand[node.field]

    def index(self, node: ast.Index, scope: Locals) -> Any:
        operand = self.evaluate(node.operand, scope)
        key = self.evaluate(node.index, scope)
        if isinstance(operand, Optional):
            return self.optional_index(operand.value, key) if operand.present else NONE
        if node.optional:
            return self.optional_index(operand, key)
        return functions.call("_[_]", (operand, key))

    def optional_index(self, operand: Any, key: Any) -> Optional:
        if isinstance(operand, dict):
            found, value = values.lookup(operand, key)
            return Optional(value) if found else NONE
        if isinstance(operand, list | tuple) and values.is_number(key):
            is_there = 0 <= key < len(operand) and key == int(key)
            return Optional(operand[int(key)]) if is_there else NONE
        raise NoSuchOverload(f"no such overload: {values.kind(operand)}[?{values.kind(key)}]")

    # Calls

    def call(self, node: ast.Call, scope: Locals) -> Any:
        if node.function in {"_&&_", "_||_"}:
            return self.logic(node, scope)
        if node.function == "_?_:_":
            condition = self.evaluate(node.args[0], scope)
            if not isinstance(condition, bool):
                raise NoSuchOverload(f"no such overload: a {values.kind(condition)} is not a condition")
            return self.evaluate(node.args[1 if condition else 2], scope)
        name, parts, is_method = self.function(node, scope)
        args = [self.evaluate(part, scope) for part in parts]
        if name not in _CONSTANT:
            sizes = [self.weigh(arg) for arg in args]
            if name in _QUADRATIC:
                self.pay(max(sizes) ** 2)
        result = functions.call(name, args, is_method=is_method)
        if isinstance(result, str | bytes):
            self.pay(len(result) // 32)
        elif isinstance(result, list) and name not in _CONSTANT:
            self.pay(len(result))
        return result

    def function(self, node: ast.Call, scope: Locals) -> tuple[str, tuple[Node, ...], bool]:
        """Return the name, the arguments and whether it is a method; `math.abs(x)` is a function."""
        if node.target is None:
            return self.known(node.function), node.args, False
        dotted = ast.dotted_name(node.target)
        if dotted is not None and dotted.split(".", 1)[0] not in scope:
            name = self.known(f"{dotted}.{node.function}")
            if functions.find(name, is_method=False):
                return name, node.args, False
        return node.function, (node.target, *node.args), True

    def known(self, name: str) -> str:
        for candidate in candidates(name, self.container):
            if functions.find(candidate, is_method=False):
                return candidate
        return name

    def logic(self, node: ast.Call, scope: Locals) -> bool:
        decisive = node.function == "_||_"
        problems: list[EvaluationProblem] = []
        for part in node.args:
            value = self.attempt(part, scope)
            if value is decisive:
                return bool(decisive)
            if isinstance(value, EvaluationProblem):
                problems.append(value)
            elif not isinstance(value, bool):
                sign = node.function.strip("_")
                problems.append(NoSuchOverload(f"no such overload: {values.kind(value)} beside {sign}"))
        if problems:
            raise problems[0]
        return not decisive

    # Constructed values

    def list_expression(self, node: ast.ListExpr, scope: Locals) -> list[Any]:
        result: list[Any] = []
        for place, item in enumerate(node.items):
            value = self.evaluate(item, scope)
            if place in node.optional_indices:
                value = self.expect_optional(value)
                if not value.present:
                    continue
                value = value.value
            result.append(value)
        self.weigh(result)
        return result

    def map_expression(self, node: ast.MapExpr, scope: Locals) -> dict[Any, Any]:
        pairs: list[tuple[Any, Any]] = []
        for entry in node.entries:
            key = self.evaluate(entry.key, scope)
            value = self.evaluate(entry.value, scope)
            if entry.optional:
                value = self.expect_optional(value)
                if not value.present:
                    continue
                value = value.value
            pairs.append((key, value))
        result = values.build_map(pairs)
        self.weigh(result)
        return result

    def expect_optional(self, value: Any) -> Optional:
        if not isinstance(value, Optional):
            raise NoSuchOverload(f"no such overload: '?' takes an optional, not a {values.kind(value)}")
        return value

    def message(self, node: ast.Message, scope: Locals) -> Any:
        raise EvaluationProblem(f"unknown type: {node.type_name}")

    # Macros

    def macro(self, node: ast.Macro, scope: Locals) -> Any:
        if node.kind == "bind":
            value = self.evaluate(node.target, scope)
            return self.evaluate(node.args[0], {**scope, node.variables[0]: value})
        if node.kind == "block":
            inner = dict(scope)
            for name, slot in zip(node.variables, ast.children(node.target), strict=True):
                inner[name] = self.evaluate(slot, inner)
            return self.evaluate(node.args[0], inner)
        operand = self.evaluate(node.target, scope)
        if node.kind in {"optMap", "optFlatMap"}:
            return self.optional_map(node, operand, scope)
        steps = self.steps(node, operand, scope)
        if node.kind in {"all", "exists"}:
            return self.quantify(node, steps)
        if node.kind == "exists_one":
            return sum(self.condition(node.args[0], inner) for inner in steps) == 1
        if node.kind == "filter":
            kept = [inner[node.variables[0]] for inner in steps if self.condition(node.args[0], inner)]
            self.weigh(kept)
            return kept
        return self.transform(node, steps)

    def optional_map(self, node: ast.Macro, operand: Any, scope: Locals) -> Optional:
        optional = self.expect_optional(operand)
        if not optional.present:
            return NONE
        value = self.evaluate(node.args[0], {**scope, node.variables[0]: optional.value})
        return Optional(value) if node.kind == "optMap" else self.expect_optional(value)

    def steps(self, node: ast.Macro, operand: Any, scope: Locals) -> Iterator[Locals]:
        """Yield the variables of each round: elements or keys; with two, place and element, key and value."""
        # Lazily: a comprehension that ends at once must not first copy a long list it has not paid for.
        pairs: Iterator[tuple[Any, Any]]
        if isinstance(operand, list | tuple):
            pairs = iter(enumerate(operand))
            single = 1
        elif isinstance(operand, dict):
            pairs = ((values.from_key(key), value) for key, value in operand.items())
            single = 0
        else:
            raise NoSuchOverload(f"no such overload: {node.kind}() over a {values.kind(operand)}")
        for pair in pairs:
            self.pay(1)
            if len(node.variables) == 2:
                yield {**scope, node.variables[0]: pair[0], node.variables[1]: pair[1]}
            else:
                yield {**scope, node.variables[0]: pair[single]}

    def condition(self, node: Node, scope: Locals) -> bool:
        value = self.evaluate(node, scope)
        if not isinstance(value, bool):
            raise NoSuchOverload(f"no such overload: a {values.kind(value)} is not a condition")
        return value

    def quantify(self, node: ast.Macro, steps: Iterator[Locals]) -> bool:
        decisive = node.kind == "exists"
        problem: EvaluationProblem | None = None
        for inner in steps:
            value = self.attempt(node.args[0], inner)
            if value is decisive:
                return bool(decisive)
            if isinstance(value, EvaluationProblem):
                problem = problem or value
            elif not isinstance(value, bool):
                problem = problem or NoSuchOverload(
                    f"no such overload: {values.kind(value)} in {node.kind}()"
                )
        if problem is not None:
            raise problem
        return not decisive

    def transform(self, node: ast.Macro, steps: Iterator[Locals]) -> Any:
        *conditions, body = node.args
        chosen = (inner for inner in steps if all(self.condition(part, inner) for part in conditions))
        if node.kind in {"map", "transformList"}:
            result: Any = [self.evaluate(body, inner) for inner in chosen]
        elif node.kind == "transformMap":
            result = values.build_map(
                [(inner[node.variables[0]], self.evaluate(body, inner)) for inner in chosen]
            )
        else:
            entries = [self.entries(self.evaluate(body, inner)) for inner in chosen]
            result = values.build_map([pair for pairs in entries for pair in pairs])
        self.weigh(result)
        return result

    def entries(self, value: Any) -> list[tuple[Any, Any]]:
        if not isinstance(value, dict):
            raise NoSuchOverload("no such overload: transformMapEntry() makes maps")
        return [(values.from_key(key), item) for key, item in value.items()]
