"""App configuration."""

from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Access."""

    name = "tenancy.access"
    label = "tenancy_access"
    verbose_name = "Access"

    def ready(self) -> None:
        """Answer the kernel: whose organization a page shows, and what a refusal leaves."""
        from decisionos.kernel.tenants import middleware  # noqa: PLC0415
        from decisionos.kernel.web import api  # noqa: PLC0415
        from tenancy.access import denials, sessions  # noqa: PLC0415

        middleware.answer_with(sessions.organization_of)
        api.on_denied(denials.note_denial)
