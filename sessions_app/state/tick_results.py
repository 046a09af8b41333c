"""The results of one shard and tick, as columns: from the scorer to storage and publication."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.points import SessionPoint, SignalValues
from sessions_app.scoring.score import Signals, categories
from sessions_app.state.poll_notices import PollNotice
from sessions_app.state.tick_update import TickCounts
from sessions_app.ticks import tick_end

VERSION = 3

METRIC = np.dtype(
    [
        ("session_id", "<i8"),
        ("event_id", "<i8"),
        ("score", "<f8"),
        ("chat_msgs_per_min", "<f8"),
        ("poll_participation", "<f8"),
        ("active_users", "<i4"),
        ("total_users", "<i4"),
        ("reactions_per_min", "<f8"),
        ("user_leave_rate", "<f8"),
        ("chat_count", "<i4"),
        ("reaction_count", "<i4"),
        ("join_count", "<i4"),
        ("leave_count", "<i4"),
        ("vote_count", "<i4"),
    ]
)

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(
    tuple[int, int, list[str], bytes, list[int], list[int], list[PollNotice], bytes]
).decode


class UnknownResultsError(ValueError):
    """Bytes that are not results of this version."""


class TickResults(NamedTuple):
    """What one tick of one shard led to.

    Attributes:
        external_ids: the platform's session ID of each row.
        metrics: array of :data:`METRIC`, one row per live session.
        heard_of: database keys of the sessions whose last sign of life is due to be stored.
        ended: database keys of the sessions that are over.
        polls: first votes and closings.
        attached: what the detector found, as bytes that are not looked into here.
    """

    tick: int
    external_ids: list[str]
    metrics: NDArray[np.void]
    heard_of: list[int]
    ended: list[int]
    polls: list[PollNotice]
    attached: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store or to tell."""
        told = (self.heard_of, self.ended, self.polls, self.attached)
        return not len(self.metrics) and not any(told)

    def to_bytes(self) -> bytes:
        """The results as bytes, for :meth:`from_bytes`."""
        return _pack(
            (
                VERSION,
                self.tick,
                self.external_ids,
                self.metrics.tobytes(),
                self.heard_of,
                self.ended,
                self.polls,
                self.attached,
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The results that :meth:`to_bytes` wrote.

        Raises:
            UnknownResultsError: other bytes, or those of another version.
        """
        try:
            version, tick, external_ids, metrics, heard_of, ended, polls, attached = _unpack(data)
        except msgspec.MsgspecError as error:
            raise UnknownResultsError(str(error)) from error
        if version != VERSION or len(metrics) != len(external_ids) * METRIC.itemsize:
            raise UnknownResultsError(f"results of version {version}")
        rows = np.frombuffer(metrics, METRIC)
        return cls(tick, external_ids, rows, heard_of, ended, polls, attached)

    def only(self, rows: list[int]) -> Self:
        """The results with the metrics of these rows, in this order."""
        if len(rows) == len(self.metrics):
            return self
        names = [self.external_ids[row] for row in rows]
        return self._replace(external_ids=names, metrics=self.metrics[rows])

    def points(
        self, event_external_ids: dict[int, str], rows: Iterable[int] | None = None
    ) -> Iterator[SessionPoint]:
        """Yields one point for each of ``rows``, by default for all.

        Args:
            event_external_ids: the platform's event ID for each event key that occurs.
            rows: positions in the metrics.
        """
        chosen = np.arange(len(self.metrics)) if rows is None else np.fromiter(rows, np.int64)
        time = tick_end(self.tick)
        records = self.metrics[chosen]
        names = categories(records["score"]).tolist()
        for row, record, name in zip(chosen.tolist(), records.tolist(), names, strict=True):
            session_id, event_id, score, chat, poll, active, total, reactions, leave = record[:9]
            yield SessionPoint(
                session_id,
                event_id,
                self.external_ids[row],
                event_external_ids[event_id],
                time,
                score,
                name,
                SignalValues(chat, poll, active, total, reactions, leave),
            )


def metric_rows(
    session_ids: NDArray[np.int64],
    event_ids: NDArray[np.int64],
    scores: NDArray[np.float64],
    signals: Signals,
    counts: TickCounts,
) -> NDArray[np.void]:
    """The columns as one array of :data:`METRIC`."""
    rows = np.empty(len(session_ids), METRIC)
    rows["session_id"], rows["event_id"], rows["score"] = session_ids, event_ids, scores
    for name, column in (signals._asdict() | counts._asdict()).items():
        rows[name] = column
    return rows
