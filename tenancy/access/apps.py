"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Access."""

    name = "tenancy.access"
    label = "tenancy_access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Answer below: whose organization a page shows, what a refusal leaves, what a role map may say."""
        from decisionos.kernel.tenants import middleware  # noqa: PLC0415
        from decisionos.kernel.web import api  # noqa: PLC0415
        from tenancy.access import delegation, denials, objects, sessions  # noqa: PLC0415
        from tenancy.organizations import configuration  # noqa: PLC0415
        from tenancy.organizations.models import Project  # noqa: PLC0415

        middleware.answer_with(sessions.organization_of)
        api.on_denied(denials.note_denial)
        configuration.check_with(delegation.check_configuration)
        objects.register(objects.Kind("project", Project, "id", frozenset({"project.manage"})))
