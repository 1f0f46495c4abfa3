"""A ruleset as somebody wrote it: in versions that never change, and in drafts that do."""

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
    base = models.CharField(max_length=40, blank=True, default="", help_text="the version it was made from")
    origin = models.CharField(max_length=120, blank=True, default="", help_text="the pack it came with")
    note = models.CharField(max_length=500, blank=True, default="", help_text="why it was made")
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


class RulesetDraft(TenantModel):
    """What one author is writing for one contract; `revision` grows with every save."""

    contract = models.CharField(max_length=63)
    ruleset = models.CharField(max_length=63)
    author = models.CharField(max_length=120, help_text="as the ledger names who acts")
    base_version = models.CharField(max_length=40, blank=True, default="")
    text = models.TextField()
    revision = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "ruleset", "contract", "author"], name="policy_rules_draft_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.ruleset} · {self.contract} · {self.revision}"


class RulesetDraftText(TenantModel):
    """A text that a draft had, kept for a while: the common ground of a merge, and a way back."""

    draft = models.ForeignKey(RulesetDraft, on_delete=models.CASCADE, related_name="texts")
    revision = models.PositiveIntegerField()
    text = models.TextField()
    saved_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant_id", "draft", "revision"], name="policy_rules_draft_text_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.draft_id} · {self.revision}"
