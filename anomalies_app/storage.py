"""Anomalies in the database: each change stored once, however often a tick is stored again."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from anomalies_app.models import Anomaly
from anomalies_app.records import AnomalyChange, AnomalyValues, Change, EpisodeChange


def store_changes(
    changes: Sequence[EpisodeChange], event_external_ids: Mapping[int, str]
) -> list[AnomalyChange]:
    """Stores what has changed, within the caller's transaction.

    Args:
        changes: of one tick.
        event_external_ids: the platform's event ID for each event key that occurs.

    Returns:
        Each change with its anomaly; without those of anomalies that somebody has deleted.
    """
    _insert([change for change in changes if change.change is Change.BEGAN])
    stored = {anomaly.pk: anomaly for anomaly in _locked(changes)}
    found = []
    for change in changes:
        anomaly = stored.get(change.anomaly_id)
        if anomaly is not None:
            if change.change is not Change.BEGAN:
                _update(anomaly, change)
            found.append(_changed(anomaly, change, event_external_ids[change.event_id]))
    return found


def row_values(values: AnomalyValues) -> dict[str, Any]:
    """The columns of a row that hold these values; ``moved`` is kept in its ``metadata``."""
    return {**values.columns(), "signals": msgspec.to_builtins(values.signals)}


def _locked(changes: Sequence[EpisodeChange]) -> list[Anomaly]:
    if not changes:
        return []
    times = {change.began_at for change in changes}
    # The times, too: they tell TimescaleDB which chunks to look into.
    return Anomaly.objects.filter(time__in=times).locked([change.anomaly_id for change in changes])


def _insert(changes: Sequence[EpisodeChange]) -> None:
    rows = [
        Anomaly(
            id=change.anomaly_id,
            time=change.began_at,
            session_id=change.session_id,
            event_id=change.event_id,
            metadata={"moved": msgspec.to_builtins(change.moved), "changes": [_entry(change)]},
            **row_values(change),
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
        anomaly.ended_at = change.changed_at
        anomaly.save(update_fields=["ended_at", "metadata"])
        return
    for name, value in row_values(change).items():
        setattr(anomaly, name, value)
    anomaly.metadata["moved"] = msgspec.to_builtins(change.moved)
    anomaly.save()


_ROUNDED = ("anomaly_score", "current_engagement", "expected_engagement")


def _entry(change: EpisodeChange) -> dict[str, Any]:
    return {
        "change": change.change.value,
        "time": change.changed_at.isoformat(),
        "type": change.type,
        "severity": change.severity,
        **{name: round(getattr(change, name), 4) for name in _ROUNDED},
    }


def _changed(anomaly: Anomaly, change: EpisodeChange, event_external_id: str) -> AnomalyChange:
    """The anomaly with the values of the change, and what an end does not say from its row."""
    raised = anomaly.values
    values = {name: getattr(change, name) for name in AnomalyValues.__struct_fields__}
    values |= {name: getattr(raised, name) for name in ("anomaly_score", "reason", "moved")}
    return AnomalyChange(
        **values,
        id=anomaly.pk,
        session_id=change.session_id,
        event_id=change.event_id,
        began_at=anomaly.time,
        ended_at=change.changed_at if change.change is Change.ENDED else None,
        change=change.change,
        changed_at=change.changed_at,
        external_id=change.external_id,
        event_external_id=event_external_id,
    )
