"""The part of the checker that knows constructed values and macros: their variables, and what they give."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod

from policy.rules.cel import ast, types
from policy.rules.cel.ast import Node
from policy.rules.cel.types import ListType, MapType, ObjectType, OptionalType, Type

Scope = dict[str, Type]
Result = tuple[Node, Type]


class MacroChecks(ABC):
    """Checks of lists, maps and macros, on top of a checker of everything else."""

    @abstractmethod
    def visit(self, node: Node, scope: Scope) -> Result:
        """Check a node and return its resolved form with its type."""

    @abstractmethod
    def note(self, node: Node, found: Type) -> Result:
        """Remember the type of a node."""

    @abstractmethod
    def report(self, pos: int, code: str, message: str) -> None:
        """Note a finding."""

    @abstractmethod
    def condition(self, node: Node, found: Type, where: str) -> None:
        """Require a bool."""

    def list_expression(self, node: ast.ListExpr, scope: Scope) -> Result:
        """Check a list; its elements may differ, it is then a list of dyn."""
        items: list[Node] = []
        found: list[Type] = []
        for place, item in enumerate(node.items):
            checked, item_type = self.visit(item, scope)
            items.append(checked)
            is_optional = place in node.optional_indices
            found.append(self.unwrapped(item, item_type) if is_optional else item_type)
        return self.note(dataclasses.replace(node, items=tuple(items)), ListType(types.join(found)))

    def map_expression(self, node: ast.MapExpr, scope: Scope) -> Result:
        """Check a map; keys are int, uint, bool or string."""
        entries: list[ast.Entry] = []
        keys: list[Type] = []
        found: list[Type] = []
        for entry in node.entries:
            key, key_type = self.visit(entry.key, scope)
            value, value_type = self.visit(entry.value, scope)
            if key_type not in {types.INT, types.UINT, types.BOOL, types.STRING, types.DYN}:
                self.report(entry.pos, "wrong_type", f"a map has no keys of type {key_type}")
            entries.append(dataclasses.replace(entry, key=key, value=value))
            keys.append(key_type)
            found.append(self.unwrapped(entry.value, value_type) if entry.optional else value_type)
        result = dataclasses.replace(node, entries=tuple(entries))
        return self.note(result, MapType(types.join(keys), types.join(found)))

    def unwrapped(self, node: Node, found: Type) -> Type:
        """Return the type inside an optional."""
        if isinstance(found, OptionalType):
            return found.value
        if found != types.DYN:
            self.report(node.pos, "wrong_type", f"'?' takes an optional, not {found}")
        return types.DYN

    def macro(self, node: ast.Macro, scope: Scope) -> Result:
        """Check a macro."""
        if node.kind == "block":
            return self.block(node, scope)
        target, target_type = self.visit(node.target, scope)
        inner = {**scope, **self.variables(node, target_type)}
        results = [self.visit(arg, inner) for arg in node.args]
        args = tuple(checked for checked, _ in results)
        result = dataclasses.replace(node, target=target, args=args)
        return self.note(result, self.result_type(node, target_type, [found for _, found in results]))

    def block(self, node: ast.Macro, scope: Scope) -> Result:
        """Check `cel.block`, where each slot sees those before it."""
        inner = dict(scope)
        slots: list[Node] = []
        for name, slot in zip(node.variables, ast.children(node.target), strict=True):
            checked, inner[name] = self.visit(slot, inner)
            slots.append(checked)
        target, _ = self.note(ast.ListExpr(tuple(slots), pos=node.target.pos), ListType(types.DYN))
        body, found = self.visit(node.args[0], inner)
        return self.note(dataclasses.replace(node, target=target, args=(body,)), found)

    def variables(self, node: ast.Macro, target: Type) -> Scope:
        """Return the types of the variables that a macro binds."""
        if node.kind == "bind":
            return {node.variables[0]: target}
        if node.kind in {"optMap", "optFlatMap"}:
            return {node.variables[0]: self.unwrapped(node.target, target)}
        first, second = self.pair(node, target)
        if len(node.variables) == 2:
            return {node.variables[0]: first, node.variables[1]: second}
        return {node.variables[0]: second if isinstance(target, ListType) else first}

    def pair(self, node: ast.Macro, target: Type) -> tuple[Type, Type]:
        """Return the types of place and element, or of key and value."""
        if isinstance(target, ListType):
            return types.INT, target.element
        if isinstance(target, MapType):
            return target.key, target.value
        if isinstance(target, ObjectType):
            return types.STRING, types.DYN
        if target != types.DYN:
            message = f"{node.kind}() goes over a list or a map, not {target}"
            self.report(node.pos, "wrong_type", message)
        return types.DYN, types.DYN

    def result_type(self, node: ast.Macro, target: Type, found: list[Type]) -> Type:
        """Return what a macro gives, from the types of its parts."""
        if node.kind in {"all", "exists", "exists_one", "filter"} or len(found) == 2:
            self.condition(node.args[0], found[0], f"{node.kind}()")
        body = found[-1]
        if node.kind in {"all", "exists", "exists_one"}:
            return types.BOOL
        if node.kind == "filter":
            return ListType(next(iter(self.variables_quietly(node, target).values())))
        if node.kind in {"map", "transformList"}:
            return ListType(body)
        if node.kind == "transformMap":
            return MapType(next(iter(self.variables_quietly(node, target).values())), body)
        if node.kind == "transformMapEntry":
            return body if isinstance(body, MapType) else MapType(types.DYN, types.DYN)
        if node.kind == "optMap":
            return OptionalType(body)
        if node.kind == "optFlatMap":
            return OptionalType(self.unwrapped(node.args[0], body))
        return body

    def variables_quietly(self, node: ast.Macro, target: Type) -> Scope:
        """Return the variables again without reporting a wrong target twice."""
        is_known = isinstance(target, ListType | MapType | ObjectType)
        return self.variables(node, target if is_known else types.DYN)
