"""Shapes of requests and answers, checked on the way in and described in the API's documentation."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from policy.rules import documents

Base = serializers.Serializer[Any]


def _text(**more: Any) -> Any:
    return serializers.CharField(
        max_length=documents.MAX_BYTES, trim_whitespace=False, allow_blank=True, **more
    )


def _name(**more: Any) -> Any:
    return serializers.CharField(max_length=63, allow_blank=True, **more)


def _version(**more: Any) -> Any:
    return serializers.CharField(max_length=40, allow_blank=True, **more)


class LintSerializer(Base):
    """A text to check, against a contract or a schema."""

    source_text = _text(source="text")
    contract = _name(required=False, default="")
    schema = serializers.DictField(required=False, allow_null=True, default=None)

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`, a word that the library keeps for itself."""
        return renamed(super().get_fields())


def renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with `source_text` called `source`."""
    return {"source" if name == "source_text" else name: field for name, field in fields.items()}


class RuleProblemSerializer(Base):
    """One thing to look at, with its place."""

    code = serializers.CharField()
    severity = serializers.ChoiceField(["error", "warning", "info"])
    message = serializers.CharField()
    line = serializers.IntegerField()
    column = serializers.IntegerField()
    end_line = serializers.IntegerField()
    end_column = serializers.IntegerField()
    rule = serializers.CharField(allow_blank=True)
    pointer = serializers.CharField(allow_blank=True)
    example = serializers.DictField(allow_null=True)
    input = serializers.DictField(required=False)


class RuleFactsSerializer(Base):
    """A rule with its lines and its place in the order of evaluation."""

    name = serializers.CharField()
    line = serializers.IntegerField()
    end_line = serializers.IntegerField()
    order = serializers.IntegerField()
    decision_class = serializers.CharField()
    priority = serializers.IntegerField()
    stop = serializers.BooleanField()
    when = serializers.CharField()


class CheckedSerializer(Base):
    """What a check found."""

    kind = serializers.ChoiceField(["rules", "table"])
    name = serializers.CharField(allow_blank=True)
    problems = RuleProblemSerializer(many=True)
    rules = RuleFactsSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that the library keeps for itself."""
        return {**super().get_fields(), "is_valid": serializers.BooleanField()}


class RulesSerializer(Base):
    """Which rules are meant: a text, a stored version, or (neither) those in force."""

    contract = _name()
    source_text = _text(source="text", required=False, default="")
    ruleset = _name(required=False, default="")
    version = _version(required=False, default="")

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`."""
        return renamed(super().get_fields())


class TrySerializer(RulesSerializer):
    """Rules and one input, or the decision whose input it is."""

    input = serializers.DictField(required=False, allow_null=True, default=None)
    decision_id = serializers.UUIDField(required=False, allow_null=True, default=None)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Want exactly one of the two."""
        if (attrs["input"] is None) == (attrs["decision_id"] is None):
            raise serializers.ValidationError({"input": ["give either input or decision_id"]})
        return attrs


class TriedSerializer(Base):
    """A rehearsed decision with its trace."""

    reasons = serializers.ListField(child=serializers.CharField())
    confidence = serializers.FloatField()
    required_docs = serializers.ListField(child=serializers.CharField())
    rules_applied = serializers.ListField(child=serializers.DictField())
    not_evaluated = serializers.ListField(child=serializers.DictField())
    trace = serializers.ListField(child=serializers.DictField())
    nearest_flip = serializers.DictField(allow_null=True)
    contract = serializers.DictField()
    ruleset = serializers.CharField(allow_blank=True)
    input = serializers.DictField()
    recorded = serializers.DictField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that Python reserves."""
        return {**super().get_fields(), "class": serializers.ChoiceField(["approve", "review", "reject"])}


class CoverageSerializer(RulesSerializer):
    """Rules and rows; without rows the newest decisions are the rows."""

    rows = serializers.ListField(
        child=serializers.DictField(), required=False, allow_null=True, default=None, max_length=5_000
    )
    recent = serializers.IntegerField(required=False, default=200, min_value=1, max_value=2_000)


class ReachSerializer(Base):
    """What rules reach."""

    rows = serializers.IntegerField()
    misfits = serializers.IntegerField()
    unmatched = serializers.IntegerField()
    coverage = serializers.FloatField()
    classes = serializers.DictField()
    never_hit = serializers.ListField(child=serializers.CharField())
    rules = serializers.ListField(child=serializers.DictField())
    contract = serializers.CharField()
    basis = serializers.ChoiceField(["rows", "decisions"])


class TableSerializer(Base):
    """A table as text, as data, or as cells copied from a spreadsheet; one of them."""

    source_text = _text(source="text", required=False, allow_null=True, default=None)
    table = serializers.DictField(required=False, allow_null=True, default=None)
    cells = _text(required=False, allow_null=True, default=None)
    name = _name(required=False, default="table")
    hit_policy = serializers.CharField(max_length=20, required=False, default="first")
    contract = _name(required=False, default="")

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`."""
        return renamed(super().get_fields())


class GridSerializer(Base):
    """A table in all its forms."""

    source_text = serializers.CharField()
    table = serializers.DictField()
    checked = CheckedSerializer()

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`."""
        return renamed(super().get_fields())


class RulesetVersionSerializer(Base):
    """A version of a ruleset."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    version = serializers.CharField()
    digest = serializers.CharField()
    base = serializers.CharField(allow_blank=True)
    origin = serializers.CharField(allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    created_by = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class RulesetVersionPageSerializer(Base):
    """One page of versions."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = RulesetVersionSerializer(many=True)


class VersionSourceSerializer(RulesetVersionSerializer):
    """A version with its text and where it is in force."""

    kind = serializers.ChoiceField(["rules", "table"])
    source_text = serializers.CharField()
    in_force = serializers.ListField(child=serializers.DictField())

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`."""
        return renamed(super().get_fields())


class SaveVersionSerializer(Base):
    """A text that shall become a version."""

    source_text = _text(source="text")
    contract = _name(required=False, default="")
    version = _version(required=False, default="")
    base_version = _version(required=False, allow_null=True, default=None)
    note = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")

    def get_fields(self) -> dict[str, Any]:
        """Name the text `source`."""
        return renamed(super().get_fields())


class SavedVersionSerializer(RulesetVersionSerializer):
    """The version, and what is odd about it."""

    problems = RuleProblemSerializer(many=True)


class RulesetDifferenceSerializer(Base):
    """Two versions compared, in words and as text."""

    to = serializers.CharField()
    changes = serializers.ListField(child=serializers.DictField())
    unified = serializers.CharField(allow_blank=True)
    rows = serializers.ListField(child=serializers.DictField())

    def get_fields(self) -> dict[str, Any]:
        """Add the one name that Python reserves."""
        return {**super().get_fields(), "from": serializers.CharField(allow_blank=True)}


class SaveDraftSerializer(Base):
    """A draft as its author has it."""

    contract = _name()
    text = _text()
    base_version = _version(required=False, default="")
    revision = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2_000_000_000)


class DraftSerializer(Base):
    """A draft."""

    id = serializers.UUIDField()
    ruleset = serializers.CharField()
    contract = serializers.CharField()
    author = serializers.CharField()
    base_version = serializers.CharField(allow_blank=True)
    revision = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    saved_at = serializers.DateTimeField()
    text = serializers.CharField(required=False)


class ActivateSerializer(Base):
    """What puts a version in force: where, why, and the contract's name again."""

    contract = _name()
    reason = serializers.CharField(max_length=500, allow_blank=True)
    confirm = _name()
    expected = _version(required=False, default="")


class ContractRollBackSerializer(ActivateSerializer):
    """What takes the contract's version in force back."""


class PreviewSerializer(RulesetDifferenceSerializer):
    """What an activation would change."""

    ruleset = serializers.CharField()
    version = serializers.CharField()
    contract = serializers.CharField()
    contract_version = serializers.CharField(allow_blank=True)
    present = serializers.CharField(allow_blank=True)
    is_in_force = serializers.BooleanField()
    problems = RuleProblemSerializer(many=True)
    rehearsal = serializers.DictField()


class InForceSerializer(Base):
    """The contract as it is in force now."""

    contract = serializers.CharField()
    version = serializers.CharField()
    previous = serializers.CharField(allow_blank=True)
    state = serializers.CharField()
    rulesets = serializers.ListField(child=serializers.DictField())
    activated_at = serializers.DateTimeField(allow_null=True)


class WorkspaceSerializer(Base):
    """What an editor needs to know of a contract."""

    contract = serializers.CharField()
    version = serializers.CharField()
    state = serializers.CharField()
    rulesets = serializers.ListField(child=serializers.DictField())
    sample = serializers.DictField()

    def get_fields(self) -> dict[str, Any]:
        """Add the names that the library keeps for itself."""
        kept = serializers.ListField(child=serializers.DictField())
        names = serializers.ListField(child=serializers.CharField())
        return {**super().get_fields(), "fields": kept, "required": names}


class RecentSerializer(Base):
    """Recent decisions that rules can be tried on."""

    results = serializers.ListField(child=serializers.DictField())
