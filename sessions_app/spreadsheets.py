"""Rows as CSV that a spreadsheet program can open without running what somebody wrote into it."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any

# https://owasp.org/www-community/attacks/CSV_Injection; also in full width, and after blanks.
_FORMULA = re.compile(r"\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|[\t\r\n]")


def safe_cell(value: Any) -> Any:
    """A value as it stands in a cell.

    A text that would be taken for a formula gets an apostrophe in front; a time is written in ISO
    8601 and UTC; nothing is an empty cell; numbers stay what they are.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return value


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows by RFC 4180, each ending with CR LF."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return text.getvalue()
