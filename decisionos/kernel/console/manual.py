"""The documentation under /docs: the files that `make docs` built, or a page that says how to build them.

What must stay true: nothing outside the built folder is served; each page gets the strictest policy that lets
it work: its own files, and exactly those inline scripts and styles that it was built with, by their hash.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import mimetypes
import re
from pathlib import Path

from django.conf import settings
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.template.loader import render_to_string
from django.utils.http import http_date
from django.views.decorators.http import require_safe

from decisionos.kernel.tenants import middleware

middleware.leave_out("/docs")
_SCRIPT = re.compile(rb"<script(?P<attributes>[^>]*)>(?P<body>.*?)</script>", re.DOTALL)
_STYLE = re.compile(rb"<style[^>]*>(?P<body>.*?)</style>", re.DOTALL)
_STYLED = re.compile(rb"<[^>]*\sstyle=\"(?P<body>[^\"]*)\"")


def folder() -> Path | None:
    """Return where the built documentation lies: beside the data, or beside the code."""
    for place in (Path(settings.DOS_DATA_DIR) / "docs", Path(settings.BASE_DIR) / "site"):
        if (place / "index.html").is_file():
            return place
    return None


def _hash(body: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(body).digest()).decode()}'"


def policy_of(page: bytes) -> str:
    """Return the content security policy of one page: itself, and its inline parts by their hash."""
    scripts = {
        _hash(found["body"])
        for found in _SCRIPT.finditer(page)
        if b"src=" not in found["attributes"] and b"application/json" not in found["attributes"]
    }
    styles = {_hash(found["body"]) for found in _STYLE.finditer(page)}
    styled = {_hash(found["body"]) for found in _STYLED.finditer(page)}
    hashes = " ".join(["'unsafe-hashes'", *sorted(styled)]) if styled else ""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(["script-src 'self'", *sorted(scripts)]),
            " ".join(part for part in ("style-src 'self'", *sorted(styles), hashes) if part),
            "img-src 'self' data:",
            "font-src 'self'",
            "connect-src 'self'",
            "worker-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


@functools.lru_cache(maxsize=512)
def _known_policy(path: str, changed: int) -> str:
    return policy_of(Path(path).read_bytes())


def _not_built(request: HttpRequest) -> HttpResponse:
    return HttpResponse(render_to_string("console/manual.html", {}, request), status=404)


@require_safe
def manual(request: HttpRequest, name: str = "") -> HttpResponseBase:
    """Serve one file of the documentation; raises Http404."""
    root = folder()
    if root is None:
        return _not_built(request)
    if "\0" in name or "\\" in name:
        raise Http404
    wanted = (root / name).resolve()
    if not wanted.is_relative_to(root.resolve()):
        raise Http404
    if wanted.is_dir():
        if name and not name.endswith("/"):
            return HttpResponseRedirect(f"/docs/{name}/")
        wanted /= "index.html"
    if not wanted.is_file():
        raise Http404
    state = wanted.stat()
    kind = mimetypes.guess_type(wanted.name)[0] or "application/octet-stream"
    tag = f'"{state.st_mtime_ns:x}-{state.st_size:x}"'
    answer: HttpResponseBase
    if request.headers.get("If-None-Match") == tag:
        answer = HttpResponse(status=304)
    else:
        text = f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
        answer = FileResponse(wanted.open("rb"), content_type=text)
        answer["Last-Modified"] = http_date(state.st_mtime)
    answer["ETag"], answer["Cache-Control"] = tag, "no-cache"
    if wanted.suffix == ".html":
        # Also where nothing changed: a browser takes the policy of that answer for the page that it kept.
        answer["Content-Security-Policy"] = _known_policy(str(wanted), state.st_mtime_ns)
    return answer


def to_manual(request: HttpRequest) -> HttpResponse:
    """Go to the first page."""
    return HttpResponseRedirect("/docs/")
