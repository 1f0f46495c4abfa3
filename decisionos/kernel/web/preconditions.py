"""ETag, If-None-Match and If-Match (RFC 9110): read once, and never overwrite what one has not seen.

What must stay true: a tag names what a representation says; two writers who both name a tag are taken one
after the other; a condition that cannot be checked is refused, never ignored.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import orjson
from django.db import connection
from rest_framework.renderers import JSONRenderer

from decisionos.kernel import errors
from decisionos.kernel.tenants import scope

_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e]*")')


class PreconditionFailed(errors.DosError):
    """The state is not the one that the caller has seen."""

    status = 412
    exit_code = 4
    code = "precondition_failed"
    title = "The state is not the one that was named"


def tag_of(data: Any) -> str:
    """Return the tag of a representation."""
    rendered: bytes = JSONRenderer().render(data)
    # The order of an object's names means nothing, and the database keeps its own.
    ordered = orjson.dumps(orjson.loads(rendered or b"null"), option=orjson.OPT_SORT_KEYS)
    return f'"{hashlib.sha256(ordered).hexdigest()[:32]}"'


def _tags(header: str) -> set[tuple[bool, str]]:
    return {(bool(weak), tag) for weak, tag in _TAG.findall(header)}


def is_known(header: str, tag: str) -> bool:
    """Return whether If-None-Match names the tag; weakly, as reading allows."""
    return header.strip() == "*" or tag in {named for _, named in _tags(header)}


def is_named(header: str, tag: str | None) -> bool:
    """Return whether If-Match names the tag; strongly, as writing demands. None: there is no state."""
    if tag is None:
        return False
    return header.strip() == "*" or (False, tag) in _tags(header)


def queue_up(path: str) -> None:
    """Wait for another conditional writer of this path in this organization, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{scope.require()} {path}"])
