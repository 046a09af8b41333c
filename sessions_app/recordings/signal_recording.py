"""Recorded signals per session and tick: reading and writing of CSV files.

The files, gzipped or not, have one row per session and tick, with the columns ``session_id``,
``tick``, the six signals by the names of :class:`sessions_app.scoring.score.Signals` and, if the
organizer's schedule is known, ``agenda``: ``programme`` or what else was going on. Columns may be
in any order; others are ignored. The rows of a session are in the order of ticks; rows of several
sessions may be interleaved.
"""

import csv
import gzip
import io
import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from sessions_app.recordings.event_recording import check_session_id
from sessions_app.scoring.score import Signals

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
# A sequence of cells for each column of the table.
Columns = Sequence[Sequence[str]]

SIGNALS = Signals._fields
RATIOS = ("poll_participation", "user_leave_rate")
PROGRAMME = "programme"
BREAK = "break"
HEADER = ("session_id", "tick", *SIGNALS, "agenda")
GZIP_MAGIC = b"\x1f\x8b"
# Whole numbers up to here survive as float64.
LARGEST_NUMBER = 2.0**53
# Bounds the memory for text; what stays in the processor's cache is faster.
CHUNK_ROWS = 1_024


class RecordedSignalsError(ValueError):
    """A table that cannot be used; the message names file, line and reason."""


class RecordedSignals(NamedTuple):
    """Signals of several sessions: arrays of one element per row of the table, in its order.

    Attributes:
        session: position of the row's session in ``session_ids``.
        session_ids: each session once, in the order of their first rows.
        tick: ascending within a session, >= 0; there may be holes.
        chat_msgs_per_min: >= 0.
        poll_participation: in [0, 1].
        active_users: >= 0.
        total_users: >= 0.
        reactions_per_min: >= 0.
        user_leave_rate: in [0, 1].
        muted: whether the agenda says something else than ``programme``.
    """

    session: Ints
    session_ids: list[str]
    tick: Ints
    chat_msgs_per_min: Floats
    poll_participation: Floats
    active_users: Floats
    total_users: Floats
    reactions_per_min: Floats
    user_leave_rate: Floats
    muted: NDArray[np.bool_]

    @property
    def row_count(self) -> int:
        """Number of rows; ``len()`` of a named tuple is its number of fields."""
        return len(self.tick)

    @property
    def signals(self) -> Signals:
        """The six signals, for :func:`sessions_app.scoring.score.score`."""
        return Signals(*(getattr(self, name) for name in SIGNALS))


def read_signals(path: Path) -> RecordedSignals:
    """Reads a CSV file, gzipped or not.

    Raises:
        RecordedSignalsError: it cannot be read, is not such a table, or is out of order.
    """
    reader = _TableReader(path)
    with reader.errors_named(), _open_text(path) as lines:
        chunks = list(reader.chunks(lines))
    signals = _joined(chunks, list(reader.sessions))
    reader.check_order(signals)
    return signals


def write_signals(
    path: Path, signals: RecordedSignals, agenda: Sequence[str] | None = None
) -> None:
    """Writes a table that :func:`read_signals` reads back; equal tables give equal bytes.

    Args:
        path: gzipped if its name ends in ``.gz``.
        signals: what to write.
        agenda: a word for each row; without it, ``break`` where the row is muted.
    """
    if agenda is None:
        agenda = np.where(signals.muted, BREAK, PROGRAMME).tolist()
    columns: list[Iterable[object]] = [
        [signals.session_ids[session] for session in signals.session.tolist()],
        signals.tick.tolist(),
        *(_written(getattr(signals, name)) for name in SIGNALS),
        agenda,
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    writer.writerows(zip(*columns, strict=True))
    data = text.getvalue().encode()
    # Without a timestamp, so that equal tables give equal files.
    path.write_bytes(gzip.compress(data, 6, mtime=0) if path.suffix == ".gz" else data)


def _written(values: Floats) -> list[int | float]:
    return [int(value) if value.is_integer() else value for value in values.tolist()]


@contextmanager
def _open_text(path: Path) -> Iterator[IO[str]]:
    with path.open("rb") as raw:
        zipped = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        raw.seek(0)
        binary = gzip.GzipFile(fileobj=raw) if zipped else raw
        with io.TextIOWrapper(io.BufferedReader(binary), "utf-8-sig", newline="") as text:
            yield text


def _joined(chunks: list[RecordedSignals], session_ids: list[str]) -> RecordedSignals:
    columns = {
        name: np.concatenate([getattr(chunk, name) for chunk in chunks])
        for name in RecordedSignals._fields
        if name != "session_ids"
    }
    return RecordedSignals(session_ids=session_ids, **columns)


class _TableReader:
    """Reads one file, and keeps track of line numbers for error messages."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sessions: dict[str, int] = {}
        self._rows_before = 0

    @contextmanager
    def errors_named(self) -> Iterator[None]:
        """Converts errors of reading the file into one that names it."""
        try:
            yield
        except OSError as error:
            self._fail(None, error.strerror or str(error), error)
        except (EOFError, zlib.error) as error:
            self._fail(None, f"damaged gzip file: {error}", error)
        except UnicodeDecodeError as error:
            self._fail(None, f"not UTF-8: {error.reason}", error)

    def chunks(self, lines: Iterator[str]) -> Iterator[RecordedSignals]:
        """Yields the table in chunks; at least one, empty if there are no rows."""
        reader = csv.reader(lines)
        header = next(reader, [])
        self._check_header(header)
        for columns in self._columns(lines, len(header), reader.line_num):
            yield self._chunk(header, columns)
            self._rows_before += len(columns[0])
        if not self._rows_before:
            yield self._chunk(header, [()] * len(header))

    def _columns(self, lines: Iterator[str], width: int, lines_before: int) -> Iterator[Columns]:
        """Yields the cells of chunks of rows; switches to a full parser when quoting occurs."""
        while portion := [*islice(lines, CHUNK_ROWS)]:
            columns = _plain_columns(portion, width)
            if columns is None:
                yield from self._parsed(chain(portion, lines), width, lines_before)
                return
            yield columns
            lines_before += len(portion)

    def _parsed(self, lines: Iterator[str], width: int, lines_before: int) -> Iterator[Columns]:
        reader = csv.reader(lines)
        rows = filter(None, reader)
        try:
            while chunk := [*islice(rows, CHUNK_ROWS)]:
                if {*map(len, chunk)} != {width}:
                    row = next(row for row, cells in enumerate(chunk) if len(cells) != width)
                    self._fail_at(row, f"{len(chunk[row])} columns instead of {width}")
                yield [*zip(*chunk, strict=True)]
        except csv.Error as error:
            self._fail(lines_before + reader.line_num, str(error), error)

    def check_order(self, signals: RecordedSignals) -> None:
        """Checks that the ticks of each session ascend."""
        order = np.argsort(signals.session, kind="stable")
        session, tick = signals.session[order], signals.tick[order]
        wrong = (np.diff(session) == 0) & (np.diff(tick) <= 0)
        if wrong.any():
            row = int(np.min(order[1:][wrong]))
            session_id = signals.session_ids[signals.session[row]]
            reason = f"tick {signals.tick[row]} of session {session_id!r} is out of order"
            self._fail(self._line_of(row), reason)

    def _check_header(self, header: list[str]) -> None:
        if missing := [name for name in HEADER[:-1] if name not in header]:
            self._fail(1, f"no column {', '.join(missing)}")
        if len(set(header)) < len(header):
            self._fail(1, "a column comes twice")

    def _chunk(self, header: list[str], columns: Columns) -> RecordedSignals:
        texts = dict(zip(header, columns, strict=True))
        signals = {name: self._numbers(name, texts[name], float) for name in SIGNALS}
        agenda = texts.get("agenda", (PROGRAMME,) * len(columns[0]))
        return RecordedSignals(
            session=self._sessions_of(texts["session_id"]),
            session_ids=[],
            tick=self._numbers("tick", texts["tick"], int).astype(np.int64),
            muted=np.array([word not in {PROGRAMME, ""} for word in agenda], dtype=np.bool_),
            **signals,
        )

    def _sessions_of(self, texts: Sequence[str]) -> Ints:
        known = self.sessions
        for session_id in dict.fromkeys(texts):
            if session_id not in known:
                try:
                    check_session_id(session_id)
                except ValueError as error:
                    self._fail_at(texts.index(session_id), str(error), error)
                known[session_id] = len(known)
        return np.array([known[session_id] for session_id in texts], dtype=np.int64)

    def _numbers(self, name: str, texts: Sequence[str], convert: Callable[[str], float]) -> Floats:
        try:
            values = np.fromiter(map(convert, texts), np.float64, len(texts))
        except (ValueError, OverflowError) as error:
            kind = "a whole number" if convert is int else "a number"
            row = next(row for row, text in enumerate(texts) if not _converts(text, convert))
            self._fail_at(row, f"{name} is {texts[row]!r}, not {kind}", error)
        highest = 1.0 if name in RATIOS else LARGEST_NUMBER
        wrong = ~((values >= 0) & (values <= highest))
        if wrong.any():
            row = int(np.argmax(wrong))
            allowed = "a share from 0 to 1" if name in RATIOS else "a number of 0 or more"
            self._fail_at(row, f"{name} is {texts[row]}, not {allowed}")
        return values

    def _fail_at(self, row: int, reason: str, cause: Exception | None = None) -> NoReturn:
        """Fails because of a row of the chunk that is being read."""
        self._fail(self._line_of(self._rows_before + row), reason, cause)

    def _line_of(self, row: int) -> int:
        # Determined only for errors: keeping all line numbers would halve the speed.
        with _open_text(self.path) as lines:
            reader = csv.reader(lines)
            next(islice(filter(None, reader), row + 1, None))
            return reader.line_num

    def _fail(self, line: int | None, reason: str, cause: Exception | None = None) -> NoReturn:
        where = f"{self.path}:{line}" if line is not None else str(self.path)
        raise RecordedSignalsError(f"{where}: {reason}") from cause


def _plain_columns(lines: list[str], width: int) -> Columns | None:
    """The cells of lines that only need splitting; None if any line needs a parser."""
    text = "".join(lines).replace("\r\n", "\n")
    if '"' in text or "\r" in text or {line.count(",") for line in lines} != {width - 1}:
        return None
    cells = text.removesuffix("\n").replace("\n", ",").split(",")
    return [cells[column::width] for column in range(width)]


def _converts(text: str, convert: Callable[[str], float]) -> bool:
    try:
        return math.isfinite(convert(text))
    except (ValueError, OverflowError):
        return False
