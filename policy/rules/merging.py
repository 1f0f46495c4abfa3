"""Three texts into one: what two people changed since the text both started from.

What must stay true: a change that only one of them made is taken; the same change made twice is taken once;
where both changed the same lines differently, both are in the result between marks, and nothing is dropped.
The marks make the text unreadable as YAML on purpose: a conflict cannot become a version unnoticed.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any

MINE, BETWEEN, THEIRS = "<<<<<<< yours", "=======", ">>>>>>> theirs"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Lines that both changed; `line` is where the first mark stands in the result."""

    line: int
    mine: tuple[str, ...]
    theirs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """A proposal, to be looked at by the one who saves it."""

    text: str
    conflicts: tuple[Conflict, ...]

    @property
    def is_clean(self) -> bool:
        """Say whether nothing is left to decide."""
        return not self.conflicts

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "text": self.text,
            "is_clean": self.is_clean,
            "conflicts": [
                {"line": item.line, "mine": list(item.mine), "theirs": list(item.theirs)}
                for item in self.conflicts
            ],
        }


def _partners(base: list[str], other: list[str]) -> dict[int, int]:
    """Return which line of the other text each unchanged line of the base is."""
    matcher = difflib.SequenceMatcher(None, base, other, autojunk=False)
    return {
        start + step: there + step
        for start, there, size in matcher.get_matching_blocks()
        for step in range(size)
    }


def merge(*, base: str, mine: str, theirs: str) -> Merge:
    """Return the proposal."""
    lines = [text.splitlines() for text in (base, mine, theirs)]
    common, own, other = lines
    to_mine, to_theirs = _partners(common, own), _partners(common, other)
    stable = [place for place in range(len(common)) if place in to_mine and place in to_theirs]
    stops = [(place, to_mine[place], to_theirs[place]) for place in stable]
    stops.append((len(common), len(own), len(other)))
    result: list[str] = []
    conflicts: list[Conflict] = []
    at = (0, 0, 0)
    for stop in stops:
        before, left, right = (text[start:end] for text, start, end in zip(lines, at, stop, strict=True))
        if right in (left, before):
            result += left
        elif left == before:
            result += right
        else:
            conflicts.append(Conflict(len(result) + 1, tuple(left), tuple(right)))
            result += [MINE, *left, BETWEEN, *right, THEIRS]
        if stop[0] < len(common):
            result.append(common[stop[0]])
        at = (stop[0] + 1, stop[1] + 1, stop[2] + 1)
    ending = "\n" if result and (mine.endswith("\n") or theirs.endswith("\n")) else ""
    return Merge("\n".join(result) + ending, tuple(conflicts))
