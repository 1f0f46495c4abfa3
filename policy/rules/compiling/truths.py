"""Conditions as pairs of Python expressions: one says surely true, one surely false.

The language's `&&` and `||` absorb errors: `false && <error>` is false whichever side fails. A condition
therefore has three values, and here each is written as two expressions that never raise; neither holding
means that there is no value, and a third expression says why. Where no error is possible, the second is
plainly the negation of the first and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from policy.rules import conditions
from policy.rules.cel.ast import Call, Literal, Node, Select, depth, dotted_name, walk
from policy.rules.compiling import runtime, terms

MAX_SOURCE = 20_000
MAX_DEPTH = 40
MAX_NODES = 400
LOGICAL = ("_&&_", "_||_")


@dataclass(frozen=True, slots=True)
class Truth:
    """`cause` is an expression for the reason of having no value, None where there always is one.

    `causes` lists what it can evaluate to; None when that is not known beforehand.
    """

    true: str
    false: str
    cause: str | None = None
    causes: tuple[str, ...] | None = ()


class Writer:
    """Writes the conditions of one generated function, with the statements they need before them."""

    def __init__(self, names: terms.Names) -> None:
        self.names = names
        self.before: list[str] = []

    def write(self, node: Node) -> Truth:
        """Return the truth of a condition; statements to run before it are added to `before`."""
        mark = len(self.before)
        if depth(node) <= MAX_DEPTH and sum(1 for _ in walk(node)) <= MAX_NODES:
            truth = self._truth(node)
            if len(truth.true) + len(truth.false) + len(truth.cause or "") <= MAX_SOURCE:
                return truth
        del self.before[mark:]
        return self._interpreted(node)

    def _truth(self, node: Node) -> Truth:
        if isinstance(node, Literal) and node.kind == "bool":
            return Truth(str(node.value), str(not node.value))
        if isinstance(node, Call):
            if node.function in LOGICAL:
                return self._logical(node.function, [self._truth(part) for part in _chain(node)])
            if node.function == "!_":
                inner = self._truth(node.args[0])
                return Truth(inner.false, inner.true, inner.cause, inner.causes)
            if node.function == "_?_:_":
                return self._choice(*(self._truth(part) for part in node.args))
        if isinstance(node, Select) and node.test:
            return self._presence(node)
        term = terms.build(node, self.names)
        if term is None or term.kind != "bool":
            return self._interpreted(node)
        if term.raises and term.early:
            return self._interpreted(node)
        return self._strict(term)

    def _strict(self, term: terms.Term) -> Truth:
        test = f"{term.source} is True" if term.source.isidentifier() else term.source
        if term.raises:
            return self._attempted(term)
        if not term.needs:
            return Truth(f"({test})", f"(not {test})" if " is " not in test else f"(not ({test}))")
        there = " and ".join(f"{name} is not M" for name in term.needs)
        messages = [self._missing(name) for name in term.needs]
        cause = repr(messages[-1])
        for name, message in reversed(list(zip(term.needs[:-1], messages[:-1], strict=True))):
            cause = f"({message!r} if {name} is M else {cause})"
        return Truth(f"({there} and ({test}))", f"({there} and not ({test}))", cause, tuple(messages))

    def _missing(self, name: str) -> str:
        return conditions.MISSING_PREFIX + self.names.optional[name]

    def _attempted(self, term: terms.Term) -> Truth:
        """Compute a term that may overflow or divide by zero before the condition, and keep its failure."""
        result = self.names.fresh("x")
        word = "if"
        for name in term.needs:
            failure = self.names.constant(runtime.Failure(self._missing(name)))
            self.before.append(f"{word} {name} is M: {result} = {failure}")
            word = "elif"
        pad = "    " if term.needs else ""
        if term.needs:
            self.before.append("else:")
        self.before += [
            f"{pad}try: {result} = {term.source}",
            f"{pad}except ArithmeticProblem as e: {result} = Failure('error: ' + str(e))",
        ]
        return Truth(f"({result} is True)", f"({result} is False)", f"{result}.cause", None)

    def _interpreted(self, node: Node) -> Truth:
        result = self.names.fresh("x")
        function = self.names.constant(runtime.interpreted(node, self.names.scope))
        self.before.append(f"{result} = {function}(d)")
        return Truth(f"({result} is True)", f"({result} is False)", f"{result}.cause", None)

    def _presence(self, node: Select) -> Truth:
        name = dotted_name(Select(node.operand, node.field))
        path = self.names.scope.plain(name) if name else ""
        fields = self.names.scope.fields(path) if path else None
        plain_root = name is not None and name == f"{self.names.scope.root}.{path}"
        if fields is None or any(found.is_nullable for found in fields) or not ("." in path or plain_root):
            return self._interpreted(node)
        variable = self.names.variable(path, fields)
        needs = tuple(found for found in self.names.needed(path) if found != variable)
        return self._strict(terms.Term(f"({variable} is not M)", "bool", needs))

    def _logical(self, function: str, parts: list[Truth]) -> Truth:
        conjunction = function == "_&&_"
        every, some = (" and ", " or ") if conjunction else (" or ", " and ")
        true = "(" + every.join(part.true for part in parts) + ")"
        doubtful = [part for part in parts if part.cause is not None]
        if not doubtful:
            return Truth(true, f"(not {true})")
        false = "(" + some.join(part.false for part in parts) + ")"
        cause = doubtful[-1].cause
        for part in reversed(doubtful[:-1]):
            cause = f"({part.cause} if not {part.true} and not {part.false} else {cause})"
        return Truth(true, false, cause, _all_causes(doubtful))

    def _choice(self, condition: Truth, then: Truth, otherwise: Truth) -> Truth:
        true = f"({condition.true} and {then.true} or {condition.false} and {otherwise.true})"
        doubtful = [part for part in (condition, then, otherwise) if part.cause is not None]
        if not doubtful:
            return Truth(true, f"(not {true})")
        false = f"({condition.true} and {then.false} or {condition.false} and {otherwise.false})"
        cause = f"({then.cause} if {condition.true} else {otherwise.cause})"
        if then.cause is None or otherwise.cause is None:
            cause = str(then.cause or otherwise.cause)
        if condition.cause is not None:
            undecided = f"not {condition.true} and not {condition.false}"
            cause = f"({condition.cause} if {undecided} else {cause})"
        return Truth(true, false, cause, _all_causes(doubtful))


def _chain(node: Call) -> list[Node]:
    """Return the operands of a chain of one logical operator, so that it needs no nested parentheses."""
    operands: list[Node] = []
    pending: list[Node] = [node]
    while pending:
        current = pending.pop()
        if isinstance(current, Call) and current.function == node.function:
            pending.extend(reversed(current.args))
        else:
            operands.append(current)
    return operands


def _all_causes(parts: list[Truth]) -> tuple[str, ...] | None:
    found: dict[str, None] = {}
    for part in parts:
        if part.causes is None:
            return None
        found.update(dict.fromkeys(part.causes))
    return tuple(found)
