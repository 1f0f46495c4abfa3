"""How the doors of the API are named in the OpenAPI document: a key, a token, or a session."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension


class KeyAuthenticationDocumentation(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Any one of the three opens the door."""

    target_class = "tenancy.access.authentication.KeyAuthentication"
    name = ["key", "token", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return the three schemes."""
        return [
            {"type": "apiKey", "in": "header", "name": "X-Api-Key", "description": "A key, dos_..."},
            {"type": "http", "scheme": "bearer", "description": "A key, or a token of /auth/token."},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A signed-in person."},
        ]
