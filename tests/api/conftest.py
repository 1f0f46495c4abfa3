"""The organizations that the sweeps stand on."""

from __future__ import annotations

from tests.isolation.conftest import houses

__all__ = ["houses"]
