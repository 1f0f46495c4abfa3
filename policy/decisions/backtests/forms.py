"""What a person fills in to ask for a backtest."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from policy.decisions.contracts import selectors as contracts
from policy.decisions.enums import ContractState

FILE, HISTORY = "file", "history"
MOST_VERSIONS = 200


def versions() -> list[tuple[str, str]]:
    """Return every version of every contract as choices, what is in force first."""
    rows = list(
        contracts.list_contracts().only("name", "version", "state")[:MOST_VERSIONS]  # newest first
    )
    rows.sort(key=lambda row: (row.name, row.state != ContractState.ACTIVE))
    return [
        (
            f"{row.name} {row.version}",
            f"{row.name} {row.version} ({_('in force')})"
            if row.state == ContractState.ACTIVE
            else f"{row.name} {row.version}",
        )
        for row in rows
    ]


class AskForm(forms.Form):
    """A version, perhaps another to compare it with, and the rows."""

    version = forms.ChoiceField(label=gettext_lazy("Version to try"))
    baseline = forms.ChoiceField(label=gettext_lazy("Compare with"), required=False)
    source = forms.ChoiceField(
        label=gettext_lazy("Rows"),
        choices=[
            (FILE, gettext_lazy("A file of mine")),
            (HISTORY, gettext_lazy("Decisions already made")),
        ],
        widget=forms.RadioSelect,
        initial=FILE,
    )
    rows = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        widget=forms.FileInput(attrs={"accept": ".csv,.jsonl,.parquet"}),
    )
    start = forms.DateField(
        label=gettext_lazy("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    end = forms.DateField(
        label=gettext_lazy("Up to and including"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    label_key = forms.CharField(
        label=gettext_lazy("Column that says how it turned out"),
        required=False,
        max_length=63,
        help_text=gettext_lazy("1 or good, 0 or bad. Empty: what the contract names."),
    )

    def __init__(self, *given: Any, **more: Any) -> None:
        """Offer the versions of the organization in force."""
        super().__init__(*given, **more)
        known = versions()
        fields: Any = self.fields
        fields["version"].choices = known
        fields["baseline"].choices = [("", _("nothing")), *known]

    def clean(self) -> dict[str, Any]:
        """Hold the fields against each other."""
        given: dict[str, Any] = super().clean() or {}
        if given.get("source") == FILE and not given.get("rows") and "rows" not in self.errors:
            self.add_error("rows", _("Choose a file."))
        one, two = given.get("version", ""), given.get("baseline", "")
        if two and one.partition(" ")[0] != two.partition(" ")[0]:
            self.add_error("baseline", _("Only versions of the same contract can be compared."))
        if two and one == two:
            self.add_error("baseline", _("This is the same version."))
        start, end = given.get("start"), given.get("end")
        if start and end and end < start:
            self.add_error("end", _("This is before the first day."))
        return given

    def asked(self) -> dict[str, Any]:
        """Return the valid fields as the service wants them, without the file."""
        contract, _space, version = self.cleaned_data["version"].partition(" ")
        found = {
            "contract": contract,
            "version": version,
            "baseline": self.cleaned_data["baseline"].partition(" ")[2],
            "label_key": self.cleaned_data["label_key"],
        }
        if self.cleaned_data["source"] == HISTORY:
            found |= dict(self._window())
        return found

    def _window(self) -> Iterator[tuple[str, datetime.datetime]]:
        zone, one = timezone.get_current_timezone(), datetime.timedelta(days=1)
        for name, more in (("start", datetime.timedelta()), ("end", one)):
            day = self.cleaned_data[name]
            if day is not None:
                yield name, datetime.datetime.combine(day + more, datetime.time(), zone)
