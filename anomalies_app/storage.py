"""Episodes in the database: written once, however often a tick is stored again."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

import msgspec

from anomalies_app.models import Anomaly
from anomalies_app.notices import AnomalyNotice, Change, EpisodeChange, SignalMove
from sessions_app.scoring.points import SignalValues
from sessions_app.ticks import tick_end

_NAMESPACE = UUID("6f0a4c7e-0d4b-5b0e-9a53-3f1f0f8f5a10")


def anomaly_id(session_id: int, raised_tick: int) -> UUID:
    """The ID of the episode that a session began in a tick: always the same."""
    return uuid5(_NAMESPACE, f"{session_id}:{raised_tick}")


def store_changes(
    changes: Sequence[EpisodeChange], event_external_ids: Mapping[int, str]
) -> list[AnomalyNotice]:
    """Stores what has changed, within the caller's transaction.

    Args:
        changes: of one tick.
        event_external_ids: the platform's event ID for each event key that occurs.

    Returns:
        A notice of each; none of an episode that somebody has deleted.
    """
    _insert([change for change in changes if change.change is Change.BEGAN])
    stored = {anomaly.pk: anomaly for anomaly in _locked(changes)}
    notices = []
    for change in changes:
        anomaly = stored.get(anomaly_id(change.session_id, change.raised_tick))
        if anomaly is not None:
            if change.change is not Change.BEGAN:
                _update(anomaly, change)
            notices.append(_notice(anomaly, change, event_external_ids[change.event_id]))
    return notices


def _locked(changes: Sequence[EpisodeChange]) -> list[Anomaly]:
    if not changes:
        return []
    ids = [anomaly_id(change.session_id, change.raised_tick) for change in changes]
    times = {tick_end(change.raised_tick) for change in changes}
    # The times, too: they tell TimescaleDB which chunks to look into.
    return Anomaly.objects.filter(time__in=times).locked(ids)


def _insert(changes: Sequence[EpisodeChange]) -> None:
    rows = [
        Anomaly(
            id=anomaly_id(change.session_id, change.raised_tick),
            time=tick_end(change.raised_tick),
            session_id=change.session_id,
            event_id=change.event_id,
            type=change.type,
            severity=change.severity,
            anomaly_score=change.anomaly_score,
            current_engagement=change.current_engagement,
            expected_engagement=change.expected_engagement,
            deviation=change.expected_engagement - change.current_engagement,
            signals=msgspec.to_builtins(change.signals),
            reason=change.reason,
            metadata={"moved": msgspec.to_builtins(change.moved), "changes": [_entry(change)]},
        )
        for change in changes
    ]
    if rows:
        Anomaly.objects.bulk_create(rows, ignore_conflicts=True)


def _update(anomaly: Anomaly, change: EpisodeChange) -> None:
    """Notes a change, unless it is noted already."""
    entry = _entry(change)
    history = anomaly.metadata.setdefault("changes", [])
    if entry in history:
        return
    history.append(entry)
    if change.change is Change.ENDED:
        anomaly.ended_at = tick_end(change.tick)
        anomaly.save(update_fields=["ended_at", "metadata"])
        return
    anomaly.type, anomaly.severity = change.type, change.severity
    anomaly.anomaly_score = change.anomaly_score
    anomaly.current_engagement = change.current_engagement
    anomaly.expected_engagement = change.expected_engagement
    anomaly.deviation = change.expected_engagement - change.current_engagement
    anomaly.signals = msgspec.to_builtins(change.signals)
    anomaly.reason = change.reason
    anomaly.metadata["moved"] = msgspec.to_builtins(change.moved)
    anomaly.save()


def _entry(change: EpisodeChange) -> dict[str, Any]:
    return {
        "change": change.change.value,
        "time": tick_end(change.tick).isoformat(),
        "type": change.type,
        "severity": change.severity,
        "anomaly_score": round(change.anomaly_score, 4),
        "current_engagement": round(change.current_engagement, 4),
        "expected_engagement": round(change.expected_engagement, 4),
    }


def _notice(anomaly: Anomaly, change: EpisodeChange, event_external_id: str) -> AnomalyNotice:
    return AnomalyNotice(
        id=anomaly.pk,
        change=change.change,
        session_id=change.session_id,
        event_id=change.event_id,
        external_id=change.external_id,
        event_external_id=event_external_id,
        began_at=anomaly.time,
        changed_at=tick_end(change.tick),
        type=change.type,
        severity=change.severity,
        anomaly_score=anomaly.anomaly_score,
        current_engagement=change.current_engagement,
        expected_engagement=change.expected_engagement,
        deviation=change.expected_engagement - change.current_engagement,
        reason=anomaly.reason,
        signals=change.signals or SignalValues(**anomaly.signals),
        moved=SignalMove(**anomaly.metadata["moved"]),
    )
