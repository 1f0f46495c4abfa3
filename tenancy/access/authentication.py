"""Who asks, over HTTP: a key, a token, or a signed-in person; then the organization they name is checked.

The role comes from the key or the person's grants. A header never gives one.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from decisionos.kernel import clock, errors
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import addresses
from tenancy.access import services as access
from tenancy.access import sessions
from tenancy.access.enums import SubjectKind
from tenancy.identity import keys, second_factor, tokens
from tenancy.organizations import configuration, selectors
from tenancy.organizations import services as organizing


class TenantUnknown(errors.Denied):
    """The organization named is not the key's own."""

    code = "tenant_mismatch"
    title = "This key belongs to another organization"


class TenantContradicted(errors.BadRequest):
    """Header and path name two organizations."""

    code = "tenant_contradicted"
    title = "Header and path name different organizations"


class ForgeryRefused(errors.Denied):
    """The write does not carry its session's token."""

    code = "csrf_refused"
    title = "The request does not carry its session's token"


class SecondFactorDue(errors.Unauthenticated):
    """The person has signed in by halves."""

    code = "second_factor_required"
    title = "The second factor was not shown"


class AddressRefused(errors.Denied):
    """The caller's address is not on the organization's list."""

    code = "address_refused"
    title = "This address is not on the organization's list"


def _credential(request: HttpRequest) -> str:
    key = request.headers.get("X-Api-Key", "")
    if key:
        return key.strip()
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def named_tenant(request: HttpRequest) -> str:
    """Return the organization named by header or path; raises TenantContradicted."""
    header = request.headers.get("X-Tenant-ID", "").strip()
    match = getattr(request, "resolver_match", None)
    path = str(match.kwargs.get("tenant", "")) if match else ""
    path = getattr(request, "tenant_in_path", "") or path
    if header and path and header != path:
        raise TenantContradicted("X-Tenant-ID and the path name different organizations.")
    return header or path


def check_tenant(subject: access.Subject, named: str) -> None:
    """Refuse a subject that names another organization than its own."""
    if named and named not in {subject.tenant_slug, str(subject.tenant_id)}:
        raise TenantUnknown("The organization named is not the one of this key.")


def check_address(request: HttpRequest, tenant_id: uuid.UUID) -> None:
    """Refuse an address that the organization's configuration does not allow."""
    allowed = configuration.in_force(tenant_id).networks
    if not allowed:
        return
    address = addresses.client_address(request)
    if not any(address in network for network in allowed):
        raise AddressRefused(f"{address} is not on the organization's list of addresses.")


def subject_of(request: HttpRequest) -> access.Subject | None:
    """Recognise who asks; None where no credential was sent. Raises for a bad one."""
    credential = _credential(request)
    if not credential:
        return _person(request)
    if credential.startswith("dos_"):
        known = keys.authenticate_key(credential)
    else:
        known = tokens.authenticate_token(credential, now=clock.now())
    if not known.tenant_active:
        raise organizing.suspended(known.tenant_slug)
    subject = access.Subject(
        kind=SubjectKind.KEY,
        id=known.id,
        tenant_id=known.tenant_id,
        role=known.role,
        scopes=known.scopes,
        name=known.name,
        user_id=known.user_id,
        project_id=known.project_id,
        tenant_slug=known.tenant_slug,
        extra={"known_key": known},
    )
    check_tenant(subject, named_tenant(request))
    check_address(request, subject.tenant_id)
    keys.note_use(known, now=clock.now())
    return subject


def _slug(tenant: uuid.UUID) -> str:
    with scope.tenant_scope(tenant):
        return selectors.get_organization().slug


def _check_forgery(request: HttpRequest) -> None:
    """Refuse a write that another site made the browser send; a key cannot be sent that way, a cookie can."""
    check = CSRFCheck(lambda _: HttpResponse())
    check.process_request(request)
    reason = check.process_view(request, lambda _: HttpResponse(), (), {})
    if reason:
        raise ForgeryRefused("A write with a session needs the X-CSRFToken of that session.")


def _person(request: HttpRequest) -> access.Subject | None:
    tenant = sessions.organization_of(request)
    if tenant is None:
        return None
    if second_factor.step_of(request.user):
        raise SecondFactorDue("Show the second factor of this account, or enrol one, at the sign-in page.")
    _check_forgery(request)
    identifier = uuid.UUID(str(request.user.pk))
    slug = _slug(tenant)
    subject = access.Subject(
        kind=SubjectKind.USER, id=identifier, tenant_id=tenant, user_id=identifier, tenant_slug=slug
    )
    check_tenant(subject, named_tenant(request))
    check_address(request, subject.tenant_id)
    return subject


class KeyAuthentication(BaseAuthentication):
    """DRF's door to ``subject_of``."""

    def authenticate(self, request: Request) -> tuple[Any, access.Subject] | None:
        """Return the subject as the authentication; it is ``request.subject`` too."""
        subject = subject_of(request._request)
        request.subject = request._request.subject = subject  # type: ignore[attr-defined]
        return (None, subject) if subject is not None else None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="decisionos"'


class RequirePermission(BasePermission):
    """Ask ``authorize`` for the permission that the view names; a view that names none is closed."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Return True, or raise what exactly is missing."""
        required = view.required_permission
        if isinstance(required, dict):
            required = required.get("GET" if request.method == "HEAD" else request.method or "")
        if required == "public":
            return True
        subject = getattr(request, "subject", None)
        if subject is None:
            raise errors.Unauthenticated("Send an API key in X-Api-Key, or a bearer token.")
        # A view that names its object is judged with it: in its place, and with what was granted on it alone.
        resource = view.find_resource() if hasattr(view, "find_resource") else None
        if required == "authenticated":
            if resource is not None:
                access.check_place(subject, resource)
            return True
        if not required:
            if (request.method or "").lower() not in {m for m in view.http_method_names if hasattr(view, m)}:
                view.http_method_not_allowed(request)
            raise access.PermissionDenied("Nobody may do this.")
        access.authorize(subject, required, resource)
        return True
