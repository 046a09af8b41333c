"""Rows as CSV that a spreadsheet program can open without running what somebody wrote into it."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from unicodedata import normalize

# https://owasp.org/www-community/attacks/CSV_Injection. Programs differ in what they skip before a
# formula (blanks, marks without width, quotes), and read some signs in other forms, as in full
# width.
_SKIPPED = r"\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\"'"
_SIGNS = "".join(
    re.escape(sign) for sign in map(chr, range(0x10000)) if normalize("NFKC", sign) in set("=+-@")
)
# Where commas are decimal marks, semicolons part the cells, and what we quote by RFC 4180 stands
# in the middle of one: whatever parts cells or lines can begin another cell.
_PARTS = r";|\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029"
_FORMULA = re.compile(rf"[{_SKIPPED}]*[{_SIGNS}]|[\t\r\n]")
# From the beginning of what is skipped, so that it is looked at once.
_BEFORE_SIGN = re.compile(rf"(?<![{_SKIPPED}{_PARTS}])[{_SKIPPED}{_PARTS}]++(?=[{_SIGNS}])")
_LAST_PART = re.compile(rf"[{_PARTS}](?=[^{_PARTS}]*\Z)")


def safe_cell(value: Any) -> Any:
    """A value as it stands in a cell.

    Where a text could be taken for a formula, an apostrophe stands before that, also behind what
    parts cells in other settings; a time is written in ISO 8601 and UTC; nothing is an empty cell;
    numbers stay what they are.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if not isinstance(value, str):
        return value
    text = _BEFORE_SIGN.sub(_with_apostrophe, value)
    return f"'{text}" if _FORMULA.match(value) else text


def _with_apostrophe(found: re.Match[str]) -> str:
    """What stands before a sign, with an apostrophe where a cell would begin."""
    return _LAST_PART.sub(lambda part: f"{part[0]}'", found[0], count=1)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows by RFC 4180, each ending with CR LF."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return text.getvalue()
