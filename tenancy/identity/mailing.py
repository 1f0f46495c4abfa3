"""Mail to people about their accounts, sent beside the request.

What must stay true: a request never waits for a mail server, so its time does not tell whether a mail was
sent; what cannot be sent is told in the error log.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import translation

from tenancy.identity.models import User

_log = logging.getLogger("decisionos.error")
_post = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")


def compose(user: User, name: str, context: dict[str, Any]) -> EmailMessage:
    """Return a mail in the person's language; the first line of its template is the subject."""
    with translation.override(user.language or None):
        text = render_to_string(f"tenancy/identity/mail/{name}.txt", {**context, "person": user})
    subject, _, body = text.strip().partition("\n")
    return EmailMessage(subject=subject.strip(), body=body.strip() + "\n", to=[user.email])


def send(user: User, name: str, context: dict[str, Any]) -> None:
    """Send a mail to a person, in the background."""
    post(compose(user, name, context))


def post(message: EmailMessage) -> None:
    """Send a mail in the background."""
    _post.submit(_send, message)


def flush() -> None:
    """Wait until everything was sent, or failed."""
    _post.submit(lambda: None).result(timeout=30)


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except Exception:  # noqa: BLE001  a mail server fails in many ways, and none is the person's affair
        _log.exception("a mail could not be sent")
