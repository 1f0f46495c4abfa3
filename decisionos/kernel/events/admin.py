"""The outbox in the admin, read-only."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from decisionos.kernel.admin.base import ReadOnlyAdmin
from decisionos.kernel.events.models import Delivery, Event


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    """What happened, and whether it was told."""

    icon = "activity"
    about = _("What happened, and whether it was told.")
    list_display = ("name", "occurred_at", "relayed_at", "attempts")
    list_filter = ("name",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """Which subscriber has had which event."""

    icon = "send"
    about = _("Which subscriber has had which event.")
    list_display = ("subscriber", "event_id", "delivered_at")
