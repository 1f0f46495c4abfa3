"""Addresses of the pages of backtests."""

from __future__ import annotations

from django.urls import path

from policy.decisions.backtests import views

page_routes = [
    path("backtests", views.BacktestsPage.as_view(), name="backtests"),
    path("backtests/new", views.NewPage.as_view(), name="backtest-new"),
    path("backtests/<uuid:backtest_id>", views.BacktestPage.as_view(), name="backtest"),
    path("backtests/<uuid:backtest_id>/columns", views.MapPage.as_view(), name="backtest-map"),
    path("backtests/<uuid:backtest_id>/cancel", views.CancelPage.as_view(), name="backtest-cancel"),
    path("backtests/<uuid:backtest_id>/share", views.SharePage.as_view(), name="backtest-share"),
    path("backtests/<uuid:backtest_id>/compare", views.ComparePage.as_view(), name="backtest-compare"),
    path("backtests/<uuid:backtest_id>/<str:kind>", views.DownloadPage.as_view(), name="backtest-download"),
    path("shared/backtests/<str:token>", views.shared, name="backtest-shared"),
]
