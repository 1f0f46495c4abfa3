"""JSON log lines in the channels decision, audit and error; files rotate daily and old ones are removed.

Resident numbers, accounts and contacts are masked before a line is written.
"""

from __future__ import annotations

import json
import logging
import socket
from datetime import UTC, datetime
from logging.handlers import TimedRotatingFileHandler
from pathlib import Path
from typing import Any

from decisionos.kernel import correlation, masking
from decisionos.kernel.tenants import scope

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OWN = frozenset({"time", "level", "service", "channel", "corr_id", "tenant_id", "host"})
_HOST = socket.gethostname()


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, channel, message, correlation id, tenant, extra fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of one record."""
        tenant = scope.current()
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "service": "decisionos",
            "channel": record.name,
            "message": record.getMessage(),
            "corr_id": correlation.current(),
            "tenant_id": str(tenant) if tenant else None,
            "host": _HOST,
        }
        line.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        for name, value in line.items():
            if isinstance(value, str) and name not in _OWN:
                line[name] = masking.mask_text(value)
        return json.dumps(line, default=str, ensure_ascii=False)


class DailyFileHandler(TimedRotatingFileHandler):
    """A file per channel, opened on the first line and rotated at midnight UTC."""

    def __init__(self, *, folder: str, channel: str, days: int) -> None:
        self._folder = Path(folder)
        super().__init__(
            self._folder / f"{channel}.ndjson",
            when="midnight",
            utc=True,
            backupCount=days,
            delay=True,
            encoding="utf-8",
        )

    def _open(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        return super()._open()
