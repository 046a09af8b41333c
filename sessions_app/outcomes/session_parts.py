"""The parts of a tick's outcome about sessions: metrics, last-seen times, polls, and ends."""

import logging
from collections.abc import Iterable

import msgspec
import numpy as np

from sessions_app.models import PollMoment
from sessions_app.outcomes.addresses import Addresses
from sessions_app.outcomes.part import Delivery, Part, ScoredTick
from sessions_app.publication import publish_updates
from sessions_app.state.poll_notices import PollNotice, poll_notices
from sessions_app.state.tick_metrics import METRIC, TickMetrics, metric_rows
from sessions_app.storage.metrics import store_metrics
from sessions_app.storage.polls import store_poll_notices
from sessions_app.storage.sessions import end_sessions, store_last_seen
from sessions_app.ticks import WINDOW_TICKS

logger = logging.getLogger(__name__)

_pack = msgspec.msgpack.Encoder().encode
_unpack_metrics = msgspec.msgpack.Decoder(tuple[list[str], bytes]).decode
_unpack_keys = msgspec.msgpack.Decoder(list[int]).decode
_unpack_polls = msgspec.msgpack.Decoder(list[PollNotice]).decode


class MetricsPart(Part[TickMetrics, TickMetrics]):
    """One row for each session that was scored."""

    name = "metrics"

    def produce(self, scored: ScoredTick) -> TickMetrics | None:
        windows = scored.windows
        rows = metric_rows(
            windows.rows["session_id"],
            windows.rows["event_id"],
            scored.scores,
            scored.signals,
            scored.update.counts,
        )
        metrics = TickMetrics(list(windows.external_ids), rows)
        unscored = windows.unscored_rows()
        if unscored.any():
            metrics = metrics.only(np.flatnonzero(~unscored).tolist())
        return metrics if len(metrics.rows) else None

    def encode(self, value: TickMetrics) -> bytes:
        return _pack((value.external_ids, value.rows.tobytes()))

    def decode(self, data: bytes) -> TickMetrics:
        external_ids, rows = _unpack_metrics(data)
        if len(rows) != len(external_ids) * METRIC.itemsize:
            raise ValueError(f"{len(rows)} bytes for {len(external_ids)} sessions")
        return TickMetrics(external_ids, np.frombuffer(rows, METRIC))

    def store(self, value: TickMetrics, delivery: Delivery) -> TickMetrics:
        def store(rows: list[int]) -> list[int]:
            store_metrics(value.rows[rows], delivery.tick)
            return rows

        delivery.event_settings.ensure(value.rows["event_id"])
        stored = delivery.pieces.store(self.name, [*range(len(value.rows))], store)
        return value.only(stored)

    def publish(self, stored: TickMetrics, delivery: Delivery) -> None:
        external_ids = delivery.event_settings.external_ids
        publish_updates(delivery.node, stored.points(delivery.tick, external_ids))

    def note_delivered(self, stored: TickMetrics, delivery: Delivery) -> None:
        logger.debug("Scored %d sessions.", len(stored.rows))

    def sessions(self, value: TickMetrics) -> Iterable[tuple[int, str]]:
        return zip(value.rows["session_id"].tolist(), value.external_ids, strict=True)

    def readdressed(self, value: TickMetrics, addresses: Addresses) -> TickMetrics:
        references = [addresses.reference(name) for name in value.external_ids]
        metrics = value.only([row for row, found in enumerate(references) if found is not None])
        rows = metrics.rows.copy()
        rows["session_id"] = [found.session_id for found in references if found is not None]
        rows["event_id"] = [found.event_id for found in references if found is not None]
        return metrics._replace(rows=rows)

    def is_empty(self, value: TickMetrics) -> bool:
        return not len(value.rows)

    def size(self, value: TickMetrics) -> int:
        return len(value.rows)


class _KeysPart(Part[list[int], list[int]]):
    """Database keys of sessions."""

    def encode(self, value: list[int]) -> bytes:
        return _pack(value)

    def decode(self, data: bytes) -> list[int]:
        return _unpack_keys(data)

    def readdressed(self, value: list[int], addresses: Addresses) -> list[int]:
        return [key for key in map(addresses.current, value) if key is not None]


class LastSeenPart(_KeysPart):
    """The sessions seen within the last minute, once a minute."""

    name = "signs of life"

    def produce(self, scored: ScoredTick) -> list[int] | None:
        if not scored.is_minute:
            return None
        rows, tick = scored.windows.rows, scored.windows.tick
        keys: list[int] = rows["session_id"][rows["last_seen"] > tick - WINDOW_TICKS].tolist()
        return keys or None

    def store(self, value: list[int], delivery: Delivery) -> list[int]:
        return delivery.pieces.store(
            self.name, value, lambda keys: store_last_seen(keys, delivery.time)
        )


class EndsPart(_KeysPart):
    """The sessions that end with the tick."""

    name = "ends"

    def produce(self, scored: ScoredTick) -> list[int] | None:
        windows = scored.windows
        keys: list[int] = windows.rows["session_id"][windows.ended_rows()].tolist()
        return keys or None

    def store(self, value: list[int], delivery: Delivery) -> list[int]:
        delivery.pieces.store(self.name, value, lambda keys: end_sessions(keys, delivery.time))
        return value

    def note_delivered(self, stored: list[int], delivery: Delivery) -> None:
        logger.debug("Ended %d sessions.", len(stored))


class PollsPart(Part[list[PollNotice], list[PollMoment]]):
    """First votes and closings of polls."""

    name = "polls"

    def produce(self, scored: ScoredTick) -> list[PollNotice] | None:
        session_ids = scored.windows.rows["session_id"]
        return poll_notices(scored.update.poll_moments, session_ids, scored.polls) or None

    def encode(self, value: list[PollNotice]) -> bytes:
        return _pack(value)

    def decode(self, data: bytes) -> list[PollNotice]:
        return _unpack_polls(data)

    def store(self, value: list[PollNotice], delivery: Delivery) -> list[PollMoment]:
        return delivery.pieces.store(
            self.name, value, lambda some: store_poll_notices(some, delivery.time)
        )

    def readdressed(self, value: list[PollNotice], addresses: Addresses) -> list[PollNotice]:
        keys = [addresses.current(notice.session_id) for notice in value]
        return [
            msgspec.structs.replace(notice, session_id=key)
            for notice, key in zip(value, keys, strict=True)
            if key is not None
        ]

    def size(self, value: list[PollNotice]) -> int:
        return len(value)
