"""What Prometheus reads of every request: how many, how they ended, how long they took, for whom.

The library's metrics, with the organization as one more label on the two that matter, and without those that
nobody looks at. What must stay true: only an organization that was recognised becomes a label, so that
nobody can make up labels by asking.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_prometheus import middleware as library
from django_prometheus.utils import Time, TimeSince

_BY_TENANT = {
    "django_http_responses_total_by_status_view_method",
    "django_http_requests_latency_seconds_by_view_method",
}


def tenant_of(request: HttpRequest) -> str:
    """Return the short name of the organization that a request was served for; empty where there is none."""
    subject = getattr(request, "subject", None)
    if subject is not None:
        return str(getattr(subject, "tenant_slug", "") or "")
    organization = getattr(request, "organization", None)
    return str(getattr(organization, "slug", "") or "")


class Metrics(library.Metrics):  # type: ignore[misc]  # the library has no types
    """The library's metrics, two of them by organization."""

    _instance: Metrics | None = None

    def register_metric(
        self, metric_cls: Any, name: str, documentation: str, labelnames: Any = (), **kwargs: Any
    ) -> Any:
        """Make one metric."""
        labels = [*labelnames, "tenant"] if name in _BY_TENANT else labelnames
        return super().register_metric(metric_cls, name, documentation, labelnames=labels, **kwargs)


class MetricsBeforeMiddleware(library.PrometheusBeforeMiddleware):  # type: ignore[misc]
    """Count requests and the time of every layer."""

    metrics_cls = Metrics


class MetricsAfterMiddleware(library.PrometheusAfterMiddleware):  # type: ignore[misc]
    """Count answers and the time of the view."""

    metrics_cls = Metrics

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Finding a metric by its labels takes a lock and a check of each: once per combination is enough.
        self._found: dict[tuple[str, ...], tuple[Any, Any]] = {}

    def process_request(self, request: HttpRequest) -> None:
        """Start the clock."""
        request.prometheus_after_middleware_event = Time()  # type: ignore[attr-defined]

    def process_view(self, request: HttpRequest, view_func: Any, *args: Any, **kwargs: Any) -> None:
        """Nothing is counted here: the answer says all of it."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Count the answer under its view, method, status and organization."""
        key = (
            self._get_view_name(request),
            self._method(request),
            str(response.status_code),
            tenant_of(request),
        )
        known = self._found.get(key)
        if known is None:
            view, method, status, tenant = key
            known = self._found[key] = (
                self.metrics.responses_by_status_view_method.labels(
                    status=status, view=view, method=method, tenant=tenant
                ),
                self.metrics.requests_latency_by_view_method.labels(view=view, method=method, tenant=tenant),
            )
        answers, latency = known
        answers.inc()
        began = getattr(request, "prometheus_after_middleware_event", None)
        if began is not None:
            latency.observe(TimeSince(began))
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Count a failure by its kind; the answer made of it is counted like any other."""
        self.metrics.exceptions_by_type.labels(type=type(exception).__name__).inc()
