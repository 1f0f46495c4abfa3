"""The hot path of the API: POST /decide/{contract} without the weight of a full view.

What must stay true: authentication, permission, problem documents and the documented schema are those of
every other endpoint. It differs in three ways only: the decision's one statement needs no transaction
around it, the answer of ``authorize`` is kept for less than a second, and idempotency lives in the
decision's own row instead of a second table.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt

from decisionos.kernel import clock, correlation, errors
from decisionos.kernel.idempotency import services as idempotency
from decisionos.kernel.tenants import scope
from decisionos.kernel.web import api, problems
from policy.decisions import batches, pipeline, services, telemetry
from tenancy.access import authentication
from tenancy.access import services as access

KEPT_SECONDS = 0.9
# Room is left for the line number that makes each line's own key.
MOST_CHARACTERS_OF_A_BATCH = idempotency.MOST_CHARACTERS - 12
_allowed: dict[tuple[Any, ...], float] = {}
_lock = threading.Lock()
BUDGETS = {"latency": "X-Budget-Latency", "cost": "X-Budget-Cost", "accuracy": "X-Budget-Accuracy"}
Handler = Callable[[HttpRequest, access.Subject, str], HttpResponseBase]


def forget() -> None:
    """Ask ``authorize`` again at the next request."""
    with _lock:
        _allowed.clear()


def authorized(request: HttpRequest, permission: str) -> access.Subject:
    """Return who asks; raises Unauthenticated, PermissionDenied. Only a yes is kept."""
    subject = authentication.subject_of(request)
    if subject is None:
        raise errors.Unauthenticated("Send an API key in X-Api-Key, or a bearer token.")
    known = (subject.kind, subject.id, subject.tenant_id, subject.role, subject.scopes, permission)
    moment = time.monotonic()
    if moment - _allowed.get(known, -math.inf) > KEPT_SECONDS:
        with scope.tenant_scope(subject.tenant_id):
            access.authorize(subject, permission)
        with _lock:
            if len(_allowed) > 10_000:
                _allowed.clear()
            _allowed[known] = moment
    request.subject = subject  # type: ignore[attr-defined]  # what is counted is counted for somebody
    return subject


def budgets(request: HttpRequest) -> dict[str, float]:
    """Return the budgets of a request; a negative one counts as 0. Raises BadRequest."""
    found = {}
    for name, header in BUDGETS.items():
        text = request.headers.get(header)
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError as error:
            raise errors.BadRequest(f"{header} must be a number.", code="budget_invalid") from error
        if not math.isfinite(value):
            raise errors.BadRequest(f"{header} must be a number.", code="budget_invalid")
        found[name] = max(value, 0.0)
    return found


def caller_of(subject: access.Subject) -> pipeline.Caller:
    """Return the subject as the pipeline knows it."""
    return pipeline.Caller(subject.tenant_id, subject.actor, correlation.current(), subject.tenant_slug)


def _parsed(body: bytes) -> Any:
    if len(body) > settings.DOS_MAX_BODY_BYTES:
        raise errors.TooLarge(f"At most {settings.DOS_MAX_BODY_BYTES} bytes are taken.")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise errors.BadRequest("The body is not valid JSON.", code="json_invalid") from error


def idempotency_key(request: HttpRequest, *, most: int = idempotency.MOST_CHARACTERS) -> str:
    """Return the Idempotency-Key of a request, or an empty text; raises KeyInvalid."""
    key: str = request.headers.get("Idempotency-Key", "")
    if len(key) > most or not key.isprintable():
        raise idempotency.KeyInvalid(f"At most {most} printable characters.")
    return key


def decide(request: HttpRequest, subject: access.Subject, contract: str) -> HttpResponse:
    """Decide one request."""
    began = time.perf_counter()
    key = idempotency_key(request)
    fingerprint = idempotency.fingerprint(request.path, request.body) if key else ""
    asked = pipeline.read_request(
        _parsed(request.body), key=key, fingerprint=fingerprint, budgets=budgets(request)
    )
    answer = services.decide(contract=contract, asked=asked, caller=caller_of(subject), now=clock.now())
    telemetry.note_seconds(subject.tenant_slug, contract, time.perf_counter() - began)
    return HttpResponse(orjson.dumps(answer), content_type="application/json")


def decide_batch(request: HttpRequest, subject: access.Subject, contract: str) -> StreamingHttpResponse:
    """Decide a stream of requests; the answer is a stream of lines."""
    key = idempotency_key(request, most=MOST_CHARACTERS_OF_A_BATCH)
    rows = batches.read(request, key=key)
    groups = services.decide_many(contract=contract, asked=rows, caller=caller_of(subject), now=clock.now())
    stream = batches.write(groups)
    # The first group is decided here, so that an unknown contract is a 404 and not a broken stream.
    first = next(stream, b"")
    return StreamingHttpResponse(
        batches.chain(first, stream),
        content_type="application/x-ndjson",
        headers={"Cache-Control": "no-store"},
    )


def endpoint(handler: Handler, *, permission: str, documented: Any) -> Any:
    """Return a plain view that the API's documentation reads from ``documented``."""

    @csrf_exempt
    def view(request: HttpRequest, contract: str) -> HttpResponseBase:
        try:
            if request.method != "POST":
                raise problems.MethodNotAllowed(str(request.method), allow=("POST",))
            return handler(request, authorized(request, permission), contract)
        except Exception as error:  # noqa: BLE001  every error is told as a problem document
            api.tell_denied(request, error)
            return problems.response(error)

    view.cls = documented  # type: ignore[attr-defined]
    view.initkwargs = {}  # type: ignore[attr-defined]
    return view
