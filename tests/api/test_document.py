"""The OpenAPI document: sound, without a warning, and the same as the routes that are served."""

from __future__ import annotations

import collections
import re
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular import drainage
from drf_spectacular.validation import validate_schema

from decisionos.kernel.web import problems
from decisionos.urls import api_routes
from tests.api.document import VERBS, Operation, document, operations


def _served() -> set[str]:
    """Return the operations that the routes serve, written as the document writes them."""
    found = set()
    for route in api_routes():
        view: Any = getattr(route.callback, "view_class", None) or getattr(route.callback, "cls", None)
        assert view is not None, f"{route.pattern} is not served by a view that the document can read"
        place = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", str(route.pattern))
        found |= {f"{verb.upper()} {place}" for verb in VERBS if hasattr(view, verb)}
    return found


class TestDocument:
    """The whole of it."""

    def test_is_made_without_a_warning_and_is_valid(self, tmp_path: Any) -> None:
        drainage.reset_generator_stats()  # type: ignore[no-untyped-call]
        call_command(
            "spectacular", validate=True, fail_on_warn=True, file=str(tmp_path / "openapi.yaml"), verbosity=0
        )

    def test_is_valid_as_it_is_published(self) -> None:
        validate_schema(document())  # type: ignore[no-untyped-call]

    def test_describes_every_route_and_none_that_is_not_served(self) -> None:
        assert {str(operation) for operation in operations()} == _served()

    def test_gives_each_operation_a_name_of_its_own(self) -> None:
        names = collections.Counter(operation.name for operation in operations())
        assert [name for name, count in names.items() if count > 1] == []
        assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name)] == []

    def test_names_the_three_ways_in(self) -> None:
        assert set(document()["components"]["securitySchemes"]) == {"key", "token", "session"}


@pytest.mark.parametrize("operation", operations(), ids=str)
class TestOperation:
    """Each of them."""

    def test_describes_its_refusals_as_problem_documents(self, operation: Operation) -> None:
        refusals = {code: told for code, told in operation.described["responses"].items() if code >= "400"}
        assert {"400", "404", "406", "422", "503"} <= set(refusals)
        assert operation.is_public or {"401", "403"} <= set(refusals)
        for told in refusals.values():
            assert told["content"] == {
                problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}
            }

    def test_says_what_it_does_and_what_it_answers(self, operation: Operation) -> None:
        assert operation.described.get("description")
        assert [code for code in operation.described["responses"] if code < "300"]

    def test_is_open_to_nobody_unless_it_says_so(self, operation: Operation) -> None:
        assert operation.is_public == (operation.name in {"auth_token", "auth_jwks", "oauth_jwks"})
