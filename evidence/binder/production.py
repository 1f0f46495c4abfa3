"""What the settings would be in production: read in a process of its own, with that environment."""

from __future__ import annotations

import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from django.conf import settings

NAMES = (
    "PRODUCTION",
    "DEBUG",
    "SECURE_SSL_REDIRECT",
    "SECURE_HSTS_SECONDS",
    "SECURE_HSTS_INCLUDE_SUBDOMAINS",
    "SESSION_COOKIE_SECURE",
    "SESSION_COOKIE_HTTPONLY",
    "SESSION_COOKIE_SAMESITE",
    "CSRF_COOKIE_SECURE",
)
_SCRIPT = (
    "import json, sys, decisionos.settings as s; "
    "sys.stdout.write(json.dumps({name: getattr(s, name, None) for name in sys.argv[1:]}))"
)
SECONDS = 30


def secrets_for_a_try() -> dict[str, str]:
    """Return secrets that are used once and never stored."""
    return {
        "DOS_SECRET_KEY": secrets.token_urlsafe(48),
        "DOS_ENCRYPTION_KEYS": "try:" + base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def read(extra: dict[str, str]) -> dict[str, object] | None:
    """Return the settings of a start with DOS_ENV=prod and the variables given; None where it is refused."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DOS_", "DJANGO_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *NAMES],
        env={**environment, "DOS_ENV": "prod", "DOS_DATA_DIR": str(settings.DOS_DATA_DIR), **extra},
        cwd=Path(settings.BASE_DIR),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        if "ImproperlyConfigured" not in done.stderr:
            raise RuntimeError(f"the settings could not be read: {done.stderr[-400:]}")
        return None
    found: dict[str, object] = json.loads(done.stdout)
    return found
