"""A ruleset as somebody wrote it, in one version that never changes."""

from __future__ import annotations

from django.db import models

from decisionos.kernel import clock
from decisionos.kernel.tenants.models import TenantModel


class RulesetVersion(TenantModel):
    """The source of one version of a ruleset; a change is a new version."""

    name = models.CharField(max_length=63)
    version = models.CharField(max_length=40)
    source = models.TextField(help_text="YAML, as in the rules reference")
    digest = models.CharField(max_length=64, editable=False)
    created_by = models.CharField(max_length=120, blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "name", "version"], name="policy_rules_version_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
