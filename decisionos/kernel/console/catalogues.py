"""Compile message catalogues without gettext's tools: ``locale/<app>/<language>/LC_MESSAGES/*.po``.

What must stay true: only what changed is compiled; a half-written file is never read; fuzzy and empty
translations are left out, so that the English text is shown.
"""

from __future__ import annotations

import ast
import logging
import os
import struct
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger("decisionos.error")
_MAGIC = 0x950412DE
Messages = dict[str, str]


def _entries(text: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield the fields of each entry and whether it is fuzzy."""
    fields: dict[str, str] = {}
    key, fuzzy = "", False
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        starts = not stripped or stripped.startswith(("#", "msgid ", "msgctxt "))
        if starts and "msgstr" in {name.partition("[")[0] for name in fields}:
            yield fields, fuzzy
            fields, fuzzy = {}, False
        if stripped.startswith("#"):
            fuzzy = fuzzy or (stripped.startswith("#,") and "fuzzy" in stripped)
        elif stripped.startswith('"'):
            fields[key] += ast.literal_eval(stripped)
        elif stripped:
            key, _, value = stripped.partition(" ")
            fields[key] = ast.literal_eval(value.strip())


def parse(text: str) -> Messages:
    """Return the messages of a .po file as gettext keys them."""
    found: Messages = {}
    for fields, fuzzy in _entries(text):
        identifier = fields.get("msgid", "")
        key = f"{fields['msgctxt']}\x04{identifier}" if "msgctxt" in fields else identifier
        if "msgid_plural" in fields:
            forms = [fields[name] for name in sorted(fields) if name.startswith("msgstr[")]
            key, value = f"{key}\x00{fields['msgid_plural']}", "\x00".join(forms)
        else:
            value = fields.get("msgstr", "")
        if value.strip("\x00") and (not fuzzy or not identifier):
            found[key] = value
    return found


def encode(messages: Messages) -> bytes:
    """Return the bytes of a .mo file."""
    rows = sorted((key.encode(), value.encode()) for key, value in messages.items())
    keys = b"".join(key + b"\0" for key, _ in rows)
    start = 28 + 16 * len(rows)
    key_table, value_table = b"", b""
    at_key, at_value, values = start, start + len(keys), b""
    for key, value in rows:
        key_table += struct.pack("<II", len(key), at_key)
        value_table += struct.pack("<II", len(value), at_value)
        at_key += len(key) + 1
        at_value += len(value) + 1
        values += value + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(rows), 28, 28 + 8 * len(rows), 0, start)
    return head + key_table + value_table + keys + values


def compile_all(source: Path, target: Path) -> list[Path]:
    """Compile each catalogue that is newer than what was compiled of it; return what was written."""
    written: list[Path] = []
    for path in sorted(source.glob("*/*/LC_MESSAGES/*.po")):
        made = target / path.relative_to(source).with_suffix(".mo")
        try:
            stamp = path.stat().st_mtime_ns
            if made.exists() and made.stat().st_mtime_ns == stamp:
                continue
            made.parent.mkdir(parents=True, exist_ok=True)
            draft = made.with_suffix(f".{os.getpid()}")
            draft.write_bytes(encode(parse(path.read_text())))
            os.utime(draft, ns=(stamp, stamp))
            draft.replace(made)
            written.append(made)
        except (OSError, SyntaxError, ValueError, KeyError) as error:
            _log.error("the catalogue %s could not be compiled: %s", path, error)
    return written
