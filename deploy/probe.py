"""The container's health check: asks the server beside it, under a host name that it accepts."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request


def main() -> int:
    """Return 0 where the server says that it lives."""
    host = os.environ.get("DOS_ALLOWED_HOSTS", "localhost").split(",")[0].strip()
    url = f"http://127.0.0.1:{os.environ.get('DOS_PROBE_PORT', '8000')}/livez"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=4) as answer:
            return 0 if answer.status == 200 else 1
    except (urllib.error.URLError, OSError) as error:
        sys.stderr.write(f"{url}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
