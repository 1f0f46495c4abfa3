"""The token endpoint and the public keys that verify what it issues.

A key is exchanged for a token that lives fifteen minutes. The key comes in HTTP Basic or in X-Api-Key; a
secret in the body is taken in development only. A person with a second factor must show it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from django.conf import settings
from django.urls import path
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.parsers import FormParser
from rest_framework.request import Request
from rest_framework.response import Response

from decisionos.kernel import clock, errors
from decisionos.kernel.keys import services as signing
from decisionos.kernel.web import bodies
from decisionos.kernel.web.api import ApiView
from tenancy.identity import keys, second_factor, tokens
from tenancy.identity.models import User
from tenancy.organizations import services as organizing


class GrantUnsupported(errors.BadRequest):
    """This way to a token is not offered."""

    code = "unsupported_grant_type"
    title = "This grant type is not offered"


class SecondFactorRequired(errors.Unauthenticated):
    """The person has a second factor and must show it."""

    code = "second_factor_required"
    title = "A one-time code is required"


@extend_schema_field({"type": "string", "enum": ["client_credentials"]})
class _GrantTypeField(serializers.CharField):
    """A text, because RFC 6749 answers an unknown grant type with a code of its own."""


class TokenRequestSerializer(bodies.Body):
    """What is asked for; a name that OAuth does not know is ignored, as RFC 6749 demands."""

    is_open = True

    grant_type = _GrantTypeField()
    client_id = serializers.CharField(required=False)
    client_secret = serializers.CharField(required=False)
    otp = serializers.CharField(required=False, max_length=16)


class TokenSerializer(serializers.Serializer[Any]):
    """A bearer token."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField()


def _basic(request: Request) -> tuple[str, str]:
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, secret = base64.b64decode(value.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise errors.Unauthenticated("The Authorization header is not Basic.") from error
    return name, secret


def _credential(request: Request, wanted: dict[str, Any]) -> str:
    """Return the key that a request shows; raises Unauthenticated, GrantUnsupported."""
    header = request.headers.get("X-Api-Key", "").strip()
    if header:
        return header
    name, secret = _basic(request)
    if not secret and wanted.get("client_secret"):
        if settings.PRODUCTION:
            raise GrantUnsupported("A secret in the body is not taken: use HTTP Basic.")
        name, secret = str(wanted.get("client_id", "")), str(wanted["client_secret"])
    if not secret:
        raise errors.Unauthenticated("Send the key by HTTP Basic or in X-Api-Key.")
    # The secret is the whole key; the name, where given, must be the prefix or the id that belongs to it.
    known = keys.authenticate_key(secret)
    if name and name not in {known.prefix, str(known.id)}:
        raise keys.KeyUnknown("Name and key do not belong together.")
    return secret


def _check_second_factor(known: keys.KnownKey, otp: str) -> None:
    user = User.objects.filter(id=known.user_id).first() if known.user_id else None
    if user is None or not second_factor.has_one(user):
        return
    if not otp or second_factor.match(user, otp) is None:
        raise SecondFactorRequired("Send the code of your authenticator as otp.")


class TokenView(ApiView):
    """Tokens for keys."""

    tenant_scoped = False
    is_idempotent = False
    required_permission = "public"
    authentication_classes: list[type[BaseAuthentication]] = []
    parser_classes = [bodies.JsonParser, FormParser]

    @extend_schema(
        operation_id="auth_token",
        request=TokenRequestSerializer,
        responses=TokenSerializer,
        tags=["identity"],
    )
    def post(self, request: Request) -> Response:
        """Exchange a key for a token of fifteen minutes."""
        wanted = bodies.read(request, TokenRequestSerializer)
        if wanted["grant_type"] != "client_credentials":
            raise GrantUnsupported("Only client_credentials is offered here.")
        now = clock.now()
        known = keys.authenticate_key(_credential(request, wanted), now=now)
        if not known.tenant_active:
            raise organizing.suspended(known.tenant_slug)
        _check_second_factor(known, str(wanted.get("otp", "")))
        answer = {
            "access_token": tokens.issue_token(known, now=now),
            "token_type": "Bearer",
            "expires_in": tokens.LIFETIME_SECONDS,
        }
        return Response(answer, headers={"Cache-Control": "no-store"})


class KeySetView(ApiView):
    """The public keys."""

    tenant_scoped = False
    required_permission = "public"
    authentication_classes: list[type[BaseAuthentication]] = []

    @extend_schema(operation_id="auth_jwks", responses=OpenApiTypes.OBJECT, tags=["identity"])
    def get(self, request: Request) -> Response:
        """Return the JWK set of the keys that sign tokens."""
        return Response(signing.jwks([tokens.PURPOSE]), headers={"Cache-Control": "public, max-age=300"})


class OAuthKeySetView(KeySetView):
    """The public keys, where OAuth clients look for them."""

    @extend_schema(operation_id="oauth_jwks", responses=OpenApiTypes.OBJECT, tags=["identity"])
    def get(self, request: Request) -> Response:
        """Return the JWK set of the keys that sign tokens."""
        return super().get(request)


routes = [
    path("auth/token", TokenView.as_view()),
    path("auth/jwks.json", KeySetView.as_view()),
    path("oauth/jwks.json", OAuthKeySetView.as_view(), name="oauth-jwks"),
]
