"""Identifiers: UUID version 7 (RFC 9562), so that keys sort by creation and indexes stay compact."""

from __future__ import annotations

import uuid

import uuid_utils.compat


def uuid7() -> uuid.UUID:
    """Return a new time-ordered UUID."""
    return uuid_utils.compat.uuid7()
