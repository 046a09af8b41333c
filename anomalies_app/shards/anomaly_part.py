"""The anomalies of a tick's outcome: stored, published once, counted and logged."""

import logging
from collections.abc import Iterable

import msgspec

from anomalies_app.publication import publish_changes
from anomalies_app.records import AnomalyChange, EpisodeChange, decode_changes, encode_changes
from anomalies_app.storage import store_changes
from sessions_app.outcomes.addresses import Addresses
from sessions_app.outcomes.outbox import ANOMALIES
from sessions_app.outcomes.part import Delivery, Part, ScoredTick
from sessions_app.redis_access.client import cluster_client
from sessions_app.telemetry.counters import ANOMALY_CHANGES
from sessions_app.telemetry.log_context import log_context

logger = logging.getLogger(__name__)


class AnomaliesPart(Part[list[EpisodeChange], list[AnomalyChange]]):
    """Episodes that have begun, escalated or ended."""

    name = ANOMALIES

    def produce(self, scored: ScoredTick) -> list[EpisodeChange] | None:
        return scored.findings.get(self.name) or None

    def encode(self, value: list[EpisodeChange]) -> bytes:
        return encode_changes(value)

    def decode(self, data: bytes) -> list[EpisodeChange]:
        return decode_changes(data)

    def store(self, value: list[EpisodeChange], delivery: Delivery) -> list[AnomalyChange]:
        settings = delivery.event_settings
        settings.ensure([change.event_id for change in value])
        return delivery.pieces.store(
            self.name, value, lambda some: store_changes(some, settings.external_ids)
        )

    def publish(self, stored: list[AnomalyChange], delivery: Delivery) -> None:
        publish_changes(cluster_client(delivery.client), stored)

    def note_delivered(self, stored: list[AnomalyChange], delivery: Delivery) -> None:
        for anomaly in stored:
            labels = anomaly.change, anomaly.type, anomaly.severity
            delivery.counters.add(1, ANOMALY_CHANGES, *labels)
            with log_context(session=anomaly.external_id, anomaly=str(anomaly.id)):
                logger.info("Anomaly %s: %s %s.", anomaly.change, anomaly.severity, anomaly.type)

    def sessions(self, value: list[EpisodeChange]) -> Iterable[tuple[int, str]]:
        return ((change.session_id, change.external_id) for change in value)

    def readdressed(self, value: list[EpisodeChange], addresses: Addresses) -> list[EpisodeChange]:
        references = [addresses.reference(change.external_id) for change in value]
        return [
            msgspec.structs.replace(change, session_id=found.session_id, event_id=found.event_id)
            for change, found in zip(value, references, strict=True)
            if found is not None
        ]

    def size(self, value: list[EpisodeChange]) -> int:
        return len(value)
