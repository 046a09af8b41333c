"""CSV that spreadsheet programs can open without executing formulas contained in the data."""

import csv
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from unicodedata import normalize

# https://owasp.org/www-community/attacks/CSV_Injection. Programs differ in what they skip before a
# formula (blanks, zero-width characters, quotes), and accept signs in other forms such as full
# width.
_SKIPPED = r"\s\x00-\x20\x7f-\xa0\xad\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\"'"
_SIGNS = "".join(
    re.escape(sign) for sign in map(chr, range(0x10000)) if normalize("NFKC", sign) in set("=+-@")
)
# In locales with decimal commas, semicolons separate cells, and our RFC 4180 quotes end up inside
# cells: any separator of cells or lines may start a new cell.
_PARTS = r";|\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029"
_FORMULA = re.compile(rf"[{_SKIPPED}]*[{_SIGNS}]|[\t\r\n]")
# Anchored at the start of the skipped characters, so that each is examined once.
_BEFORE_SIGN = re.compile(rf"(?<![{_SKIPPED}{_PARTS}])[{_SKIPPED}{_PARTS}]++(?=[{_SIGNS}])")
_LAST_PART = re.compile(rf"[{_PARTS}](?=[^{_PARTS}]*\Z)")


def safe_cell(value: Any) -> Any:
    """A value as written in a cell.

    Text that could be taken for a formula is prefixed with an apostrophe, also after characters
    that separate cells in other locales. Times are written in ISO 8601 in UTC, None as an empty
    cell, and numbers unchanged.
    """
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if not isinstance(value, str):
        return value
    text = _BEFORE_SIGN.sub(_with_apostrophe, value)
    return f"'{text}" if _FORMULA.match(value) else text


def _with_apostrophe(found: re.Match[str]) -> str:
    """The characters before a sign, with an apostrophe where a cell would start."""
    return _LAST_PART.sub(lambda part: f"{part[0]}'", found[0], count=1)


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """The rows as CSV by RFC 4180, each ending with CR LF."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerows([safe_cell(value) for value in row] for row in rows)
    return text.getvalue()
