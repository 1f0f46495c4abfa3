"""A file as it arrives: its size, its kind, its encoding.

What must stay true: what is refused is refused with the limit or the line named; text that leaves here is
UTF-8, and a Korean file of an older encoding is taken as what it is.
"""

from __future__ import annotations

from django.conf import settings

from decisionos.kernel import errors
from policy.decisions.backtests import sources
from policy.decisions.backtests.sources import SourceInvalid

_PARQUET, _ZIP = b"PAR1", b"PK\x03\x04"
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


class UploadTooLarge(errors.TooLarge):
    """The file is larger than what is taken."""

    code = "backtest_upload_too_large"
    title = "The file is too large"


def check_size(size: int) -> None:
    """Raise UploadTooLarge, naming the limit; asked before a file is read."""
    most = int(settings.DOS_MAX_UPLOAD_BYTES)
    if size > most:
        told = f"The file has {size:,} bytes; at most {most:,} are taken. Send fewer rows, or Parquet."
        raise UploadTooLarge(told, extra={"limit": most})


def kind_of(name: str) -> str:
    """Return the kind of a file by its name; raises SourceInvalid."""
    kind = name.rpartition(".")[2].lower()
    kind = {"ndjson": "jsonl", "pq": "parquet", "tsv": "csv"}.get(kind, kind)
    if kind not in sources.KINDS:
        hint = " Save the sheet as CSV." if kind in {"xlsx", "xls"} else ""
        raise SourceInvalid(f"Send a file that ends in .csv, .jsonl or .parquet.{hint}")
    return kind


def accepted(kind: str, content: bytes) -> bytes:
    """Return the content to store: text as UTF-8. Raises SourceInvalid, UploadTooLarge."""
    check_size(len(content))
    if not content.strip(b"\r\n\t \x00"):
        raise SourceInvalid("The file is empty.")
    if (kind == "parquet") != content.startswith(_PARQUET):
        is_sheet = content.startswith(_ZIP)
        hint = " It looks like a spreadsheet: save it as CSV." if is_sheet else ""
        raise SourceInvalid(f"The content is not {kind}.{hint}")
    if kind == "parquet":
        return content
    if content.startswith(_ZIP):
        raise SourceInvalid("The content is a spreadsheet or an archive; save the sheet as CSV.")
    return _utf8(content)


def _utf8(content: bytes) -> bytes:
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return _decoded(content, encoding)
    try:
        content.decode()
    except UnicodeDecodeError as error:
        try:
            return _decoded(content, "cp949")
        except SourceInvalid:
            line = content.count(b"\n", 0, error.start) + 1
            raise SourceInvalid(f"Line {line} is neither UTF-8 nor CP949 text.") from error
    return content


def _decoded(content: bytes, encoding: str) -> bytes:
    try:
        return content.decode(encoding).encode()
    except UnicodeDecodeError as error:
        raise SourceInvalid(f"The file says it is {encoding} and is not.") from error
