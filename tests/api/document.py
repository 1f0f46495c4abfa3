"""The OpenAPI document and the operations in it, for tests that go through all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

VERBS = ("get", "post", "put", "patch", "delete")
ROOT = "/api/v1/"


@dataclass(frozen=True)
class Operation:
    """One verb at one address; ``place`` is the address under the root, with its parameters in braces."""

    verb: str
    place: str
    described: dict[str, Any]

    @property
    def name(self) -> str:
        """The operation's id."""
        return str(self.described["operationId"])

    @property
    def is_public(self) -> bool:
        """Whether it asks for no key."""
        return not self.described.get("security")

    def parameters(self, where: str) -> list[dict[str, Any]]:
        """The parameters in a path, a query or a header."""
        return [found for found in self.described.get("parameters", []) if found["in"] == where]

    @property
    def bodies(self) -> list[str]:
        """The media types that it takes."""
        return list(self.described.get("requestBody", {}).get("content", {}))

    def __str__(self) -> str:
        return f"{self.verb} {self.place}"


@cache
def document() -> dict[str, Any]:
    """Return the document as it is published."""
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


def _all() -> Iterator[Operation]:
    for path, found in document()["paths"].items():
        for verb in VERBS:
            if verb in found:
                yield Operation(verb.upper(), path.removeprefix(ROOT), found[verb])


@cache
def operations() -> tuple[Operation, ...]:
    """Return every operation, sorted by place and verb."""
    return tuple(sorted(_all(), key=lambda found: (found.place, found.verb)))
