"""Log lines: JSON, in channels, with personal data masked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from decisionos.kernel import correlation
from decisionos.kernel.logs import DailyFileHandler, JsonFormatter


class TestJsonFormatter:
    """One object per line."""

    def test_carries_the_correlation_id_and_extra_fields(self) -> None:
        correlation.enter("corr-7")
        record = logging.makeLogRecord(
            {"msg": "done %s", "args": ("x",), "name": "n", "levelname": "INFO", "rows": 3}
        )
        line = json.loads(JsonFormatter().format(record))
        assert (line["message"], line["corr_id"], line["rows"], line["level"]) == (
            "done x",
            "corr-7",
            3,
            "INFO",
        )

    def test_masks_contacts_in_the_message_and_in_fields(self) -> None:
        record = logging.makeLogRecord({"msg": "call 010-1234-5678", "note": "mail kim@company.co.kr"})
        text = JsonFormatter().format(record)
        assert "1234-5678" not in text
        assert "kim@company" not in text


class TestDailyFileHandler:
    """A file per channel."""

    def test_is_made_with_the_first_line(self, tmp_path: Path) -> None:
        handler = DailyFileHandler(folder=str(tmp_path / "logs"), channel="audit", days=3)
        assert not (tmp_path / "logs").exists()
        handler.emit(logging.makeLogRecord({"msg": "hello"}))
        handler.close()
        assert (tmp_path / "logs" / "audit.ndjson").read_text().strip() == "hello"
        assert handler.backupCount == 3
