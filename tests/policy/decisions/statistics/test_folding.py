"""The hourly counts equal the decisions, however often counting is stopped, repeated or run at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import Error, connection

from decisionos.kernel.ledger import services as ledger
from decisionos.kernel.tenants import scope
from policy.decisions.filters import Filters
from policy.decisions.statistics import folding, rules, selectors
from policy.decisions.statistics.models import HourlyDuration, HourlyOutcome, Progress
from policy.decisions.statistics.selectors import Window
from tests.policy.decisions.conftest import GOLDEN, NOON, Desk

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "platform"])
DAY = Window(NOON - timedelta(hours=12), NOON + timedelta(hours=12))


class TestFoldPending:
    def test_counts_every_sealed_decision_once(self, desk: Desk) -> None:
        desk.fill(50)
        desk.seal()
        assert folding.fold_pending(desk.tenant) == 50
        assert folding.compare(desk.tenant) == []
        assert folding.fold_pending(desk.tenant) == 0
        assert folding.compare(desk.tenant) == []

    def test_goes_on_where_it_stopped_in_batches_of_any_size(self, desk: Desk) -> None:
        for size in (1, 3, 7):
            desk.fill(9, seed=size)
            desk.seal()
            assert folding.fold_pending(desk.tenant, batch=size) == 9
        assert folding.compare(desk.tenant) == []

    def test_leaves_out_what_is_not_sealed_and_other_entries(self, desk: Desk) -> None:
        desk.fill(4)
        assert folding.fold_pending(desk.tenant) == 0
        with scope.tenant_scope(desk.tenant):
            ledger.append(kind="decision.made", payload={}, subject_type="decision", subject_id="no id")
        desk.seal()
        assert folding.fold_pending(desk.tenant) == 4

    def test_counts_no_decision_by_the_entry_of_another(self, desk: Desk) -> None:
        made = desk.decide(GOLDEN["approve"])
        with scope.tenant_scope(desk.tenant):
            ledger.append(kind="decision.made", payload={}, subject_type="decision", subject_id=str(made))
        desk.seal()
        assert folding.fold_pending(desk.tenant) == 1

    def test_has_counted_nothing_where_it_died(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        desk.fill(6)
        desk.seal()

        def die(*args: Any, **kwargs: Any) -> None:
            raise Error("the connection is gone")

        with monkeypatch.context() as patched:
            patched.setattr(Progress, "save", die)
            with pytest.raises(Error):
                folding.fold_pending(desk.tenant)
        with scope.tenant_scope(desk.tenant):
            assert HourlyOutcome.objects.count() == HourlyDuration.objects.count() == 0
        assert folding.fold_pending(desk.tenant) == 6
        assert folding.compare(desk.tenant) == []

    def test_stays_within_the_organization(self, desk: Desk) -> None:
        other = Desk()
        desk.fill(3)
        other.fill(2)
        for one in (desk, other):
            one.seal()
        assert set(folding.waiting_tenants()) >= {desk.tenant, other.tenant}
        assert folding.fold_all() == 5
        with scope.tenant_scope(other.tenant):
            assert selectors.totals(DAY).decisions == 2
        assert desk.tenant not in folding.waiting_tenants()


class TestRebuild:
    def test_makes_the_same_counts_again(self, desk: Desk) -> None:
        desk.fill(12)
        desk.seal()
        folding.fold_pending(desk.tenant)
        with scope.tenant_scope(desk.tenant), connection.cursor() as cursor:
            cursor.execute("UPDATE policy_decisions_hourlyoutcome SET decisions = decisions + 5")
        wrong = folding.compare(desk.tenant)
        assert wrong
        assert all(item.counted > item.stored for item in wrong)
        assert folding.rebuild(desk.tenant) == 12
        assert folding.compare(desk.tenant) == []


class TestSelectors:
    def test_tell_what_the_rows_tell(self, desk: Desk) -> None:
        desk.fill(50)
        desk.seal()
        folding.fold_pending(desk.tenant)
        rows = desk.rows()
        with scope.tenant_scope(desk.tenant):
            hours = selectors.per_hour(DAY)
            assert len(hours) == 24
            for hour in hours:
                inside = [
                    row for row in rows if hour.start <= row.decided_at < hour.start + timedelta(hours=1)
                ]
                for name in selectors.CLASSES:
                    assert getattr(hour.totals, name) == sum(row.decision_class == name for row in inside)
            totals = selectors.totals(DAY)
            assert selectors.total(hours) == totals
            assert totals.decisions == 50
            assert totals.approval_rate == pytest.approx(totals.approve / 50)
            assert (totals.approval_rate or 0) + (totals.review_rate or 0) + (totals.rejection_rate or 0) == 1
            for reason in selectors.main_reasons(DAY, most=50):
                assert reason.decisions == sum(reason.name in row.reasons for row in rows)
            narrowed = selectors.totals(DAY, Filters(reasons=("credit_score_below_threshold",)))
            assert narrowed.decisions == sum("credit_score_below_threshold" in row.reasons for row in rows)

    def test_give_percentiles_within_two_per_cent(self, desk: Desk) -> None:
        desk.fill(40)
        desk.seal()
        folding.fold_pending(desk.tenant)
        times = sorted(row.duration_us for row in desk.rows())
        with scope.tenant_scope(desk.tenant):
            found = selectors.durations(DAY)
        assert found.decisions == 40
        assert found.p50 == pytest.approx(times[19], rel=0.03)
        assert found.p99 == pytest.approx(times[39], rel=0.03)

    def test_are_computed_once_for_a_state_of_the_counts_and_again_for_the_next(
        self, desk: Desk, django_assert_num_queries: Any
    ) -> None:
        for number in (1, 2):
            desk.decide(GOLDEN["approve"])
            desk.seal()
            folding.fold_pending(desk.tenant)
            with scope.tenant_scope(desk.tenant):
                assert selectors.totals(DAY).decisions == number
                assert selectors.main_reasons(DAY)[0].decisions == number
                with django_assert_num_queries(1):
                    assert selectors.totals(DAY).decisions == number
                assert selectors.totals(DAY, Filters(classes=("reject",))).decisions == 0

    def test_say_nothing_of_nothing(self, desk: Desk) -> None:
        with scope.tenant_scope(desk.tenant):
            assert selectors.totals(DAY).approval_rate is None
            assert selectors.durations(DAY).p99 is None
            assert selectors.main_reasons(DAY) == []


class TestPercentile:
    @pytest.mark.parametrize("value", [1, 2, 17, 400, 12_345, 5_000_000])
    def test_is_at_most_two_per_cent_off(self, value: int) -> None:
        found = rules.percentile({rules.bucket_of(value): 3}, 0.99)
        assert found == pytest.approx(value, rel=0.0201)
