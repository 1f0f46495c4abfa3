"""The small parts of a page."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from decisionos.kernel.console import charts
from decisionos.kernel.console.templatetags import console as tags

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


def draw(source: str, **context: Any) -> str:
    """Render a bit of template."""
    return Template("{% load console %}" + source).render(Context(context))


class TestMoments:
    """Times."""

    @pytest.mark.parametrize(
        ("seconds", "english", "korean"),
        [
            (5, "just now", "방금"),
            (-5, "in a moment", "곧"),
            (60, "1 min ago", "1분 전"),
            (-5400, "in 2 h", "2시간 후"),
            (3 * 86400, "3 d ago", "3일 전"),
            (90 * 86400, "Aug. 31, 2026", "2026년 8월 31일"),
        ],
    )
    def test_are_told_in_one_unit(self, seconds: int, english: str, korean: str) -> None:
        moment = NOW - datetime.timedelta(seconds=seconds)
        with timezone.override("UTC"):
            with translation.override("en"):
                assert tags.relative(moment, NOW) == english
            with translation.override("ko"):
                assert tags.relative(moment, NOW) == korean

    def test_carry_the_exact_one_in_the_zone_in_force(self) -> None:
        with timezone.override("Asia/Seoul"), translation.override("en"):
            assert "21:00:00 KST" in draw("{% time at %}", at=NOW)
            assert "datetime=" in draw("{% time at True %}", at=NOW)
        assert "–" in draw("{% time at %}", at=None)


class TestNumbers:
    """Figures and money."""

    @pytest.mark.parametrize(
        ("value", "shown"),
        [
            (1234567, "1,234,567"),
            (0.61, "0.61"),
            (decimal.Decimal("1.500"), "1.5"),
            (decimal.Decimal("1E+3"), "1,000"),
            (None, "–"),
            (True, "yes"),
            (0, "0"),
        ],
    )
    def test_have_separators_and_no_needless_zeros(self, value: Any, shown: str) -> None:
        assert tags.number(value) == shown

    def test_money_has_the_digits_of_its_currency(self) -> None:
        assert "₩ 28,000,000<" in draw("{% money 28000000 %}")
        assert "−US$ 41.20<" in draw('{% money "-41.2" "USD" %}')
        assert "XAU 1.00<" in draw('{% money 1 "XAU" %}')

    def test_a_share_is_a_percentage(self) -> None:
        assert tags.percent(0.6134) == "61.3 %"


class TestDrawing:
    """Pictures without inline styles."""

    def test_a_meter_never_leaves_its_bounds(self) -> None:
        shown = draw('{% meter 140 "x" "c1" 30 %}')
        assert 'width="100.0"' in shown
        assert "style=" not in shown
        assert 'aria-label="x"' in shown

    def test_a_spark_of_one_value_is_nothing(self) -> None:
        assert draw("{% spark values %}", values=[1]) == ""
        assert "polyline" in draw("{% spark values %}", values=[1, None, 3])

    def test_a_chart_is_a_table_too(self) -> None:
        data = charts.over_time(
            [NOW, NOW + datetime.timedelta(hours=1)], charts.series("A", [1200, None]), x_label="Hour"
        )
        shown = draw('{% chart "c" data label="Per hour" %}', data=data)
        assert "1,200" in shown
        assert shown.count('scope="row"') == 2
        assert 'aria-label="Per hour"' in shown


class TestEscaping:
    """What people write stays text."""

    @pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</dd>"])
    def test_everywhere(self, text: str) -> None:
        shown = draw(
            "{% badge 'info' t %}{% copy t %}{% button t key=t url=t %}{% empty t t url=t label=t %}"
            "{% banner 'bad' t title=t url=t label=t %}{% stat t t note=t definition=t url=t %}"
            "{% code t label=t %}"
            "{% key t %}{% icon t t %}{% meter 5 t t %}{% tabs items t %}{% timeline events %}",
            t=text,
            items=[{"label": text, "url": text, "active": True}],
            events=[{"at": NOW, "text": text, "who": text, "why": text, "url": text, "tone": text}],
        )
        assert "<script>alert" not in shown
        assert "<img" not in shown
        assert "</dd>" not in shown
