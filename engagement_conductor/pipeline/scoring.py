"""Scores a tick of all sessions of a shard, and runs the detector on it."""

from collections.abc import Iterable

from anomalies_app.shards.shard_detector import ShardDetection
from engagement_conductor.pipeline.caches import WorkerCaches
from sessions_app.events.blocks import PollName
from sessions_app.outcomes.outbox import ANOMALIES
from sessions_app.outcomes.part import ScoredTick
from sessions_app.scoring.score import score
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tick_update import TickUpdate
from sessions_app.ticks import tick_end


def score_tick(
    windows: SessionWindows,
    update: TickUpdate,
    polls: Iterable[PollName],
    caches: WorkerCaches,
    is_minute: bool,
) -> ScoredTick:
    """Scores every session with the settings of its event.

    Args:
        windows: after the tick.
        update: of the tick.
        polls: names of at least the polls that it mentions.
        is_minute: whether what is stored once a minute is due.
    """
    event_ids = windows.rows["event_id"]
    caches.event_settings.ensure(event_ids)
    signals = update.signals(windows)
    settings = caches.event_settings.settings_for(event_ids)
    scores = score(signals, settings)
    return ScoredTick(
        windows=windows,
        update=update,
        polls=polls,
        settings=settings,
        signals=signals,
        scores=scores,
        is_minute=is_minute,
    )


def detect(scored: ScoredTick, detection: ShardDetection, caches: WorkerCaches) -> None:
    """Adds the episodes that have begun, escalated or ended to the findings.

    Args:
        detection: after the tick before; changed in place.
    """
    windows = scored.windows
    muted = windows.ended_rows() | windows.recovering_rows()
    muted |= caches.pauses.muted(windows.rows["session_id"], tick_end(windows.tick))
    scored.findings[ANOMALIES] = detection.step(
        windows,
        signals=scored.signals,
        scores=scored.scores,
        muted=muted,
        score_settings=scored.settings,
        settings=caches.event_settings.detection_settings_for(windows.rows["event_id"]),
    )
