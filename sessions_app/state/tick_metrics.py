"""The metrics of one shard and tick, as columns."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from sessions_app.scoring.points import SessionPoint, SignalValues
from sessions_app.scoring.score import Signals, categories
from sessions_app.state.tick_update import TickCounts
from sessions_app.ticks import tick_end

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


class TickMetrics(NamedTuple):
    """One row for each session that was scored in a tick.

    Attributes:
        external_ids: the platform's session ID of each row.
        rows: array of :data:`METRIC`.
    """

    external_ids: list[str]
    rows: NDArray[np.void]

    def only(self, rows: list[int]) -> Self:
        """A copy with these rows only, in this order."""
        if len(rows) == len(self.rows):
            return self
        return self._replace(
            external_ids=[self.external_ids[row] for row in rows], rows=self.rows[rows]
        )

    def points(
        self, tick: int, event_external_ids: dict[int, str], rows: Iterable[int] | None = None
    ) -> Iterator[SessionPoint]:
        """Yields one point for each of ``rows``, by default for all.

        Args:
            tick: the scored one.
            event_external_ids: the platform's event ID for each event key that occurs.
            rows: indexes of rows.
        """
        chosen = np.arange(len(self.rows)) if rows is None else np.fromiter(rows, np.int64)
        time = tick_end(tick)
        records = self.rows[chosen]
        names = categories(records["score"]).tolist()
        for row, record, name in zip(chosen.tolist(), records.tolist(), names, strict=True):
            session_id, event_id, score = record[:3]
            yield SessionPoint(
                session_id=session_id,
                event_id=event_id,
                external_id=self.external_ids[row],
                event_external_id=event_external_ids[event_id],
                time=time,
                score=score,
                category=name,
                # METRIC has the signals after the score, in their own order.
                signals=SignalValues(*record[3:9]),
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
