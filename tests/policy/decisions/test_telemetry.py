"""What `/metrics` tells: answers and times by organization, and no label that a stranger made up."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenancy.organizations.models import Organization
from tests.policy.decisions.test_api import APPROVED, House, house

__all__ = ["house"]


def _lines(client: Client, name: str) -> list[str]:
    page = client.get("/metrics").content.decode()
    return [line for line in page.splitlines() if line.startswith(name)]


@pytest.mark.django_db(transaction=True, databases="__all__")
class TestMetrics:
    """One page for Prometheus."""

    @pytest.mark.requirement("D-D22")
    @pytest.mark.requirement("B-D6")
    def test_counts_answers_and_decisions_of_each_organization(self, house: House, client: Client) -> None:
        assert house.call("POST", "decide/lending", {"input": APPROVED}).status_code == 200
        slug = Organization.objects.using("platform").get(id=house.tenant).slug
        answers = _lines(client, "django_http_responses_total_by_status_view_method_total")
        assert any(f'tenant="{slug}"' in line and 'status="200"' in line for line in answers)
        times = _lines(client, "django_http_requests_latency_seconds_by_view_method_count")
        assert any(f'tenant="{slug}"' in line for line in times)
        decided = f'decisionos_decisions_total{{contract="lending",decision_class="approve",tenant="{slug}"}}'
        assert _lines(client, decided) == [f"{decided} 1.0"]
        assert _lines(client, f'decisionos_decision_seconds_count{{contract="lending",tenant="{slug}"}}')

    @pytest.mark.parametrize(
        "headers", [{"X-Tenant-ID": "made-up"}, {"X-Api-Key": "dos_a_b", "X-Tenant-ID": "made-up"}]
    )
    def test_takes_no_label_from_somebody_it_does_not_know(
        self, client: Client, headers: dict[str, Any]
    ) -> None:
        assert client.get("/api/v1/decisions", headers=headers).status_code == 401
        assert not [line for line in _lines(client, "django_http") if "made-up" in line]
