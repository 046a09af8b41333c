"""Scoring a tick of all sessions of a shard, and judging it."""

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
    """Scores every session by the settings of its event.

    Args:
        windows: after the tick.
        update: of the tick.
        polls: names of at least the polls that it speaks of.
        is_minute: whether what is stored once a minute is due.
    """
    event_ids = windows.rows["event_id"]
    caches.event_settings.ensure(event_ids)
    signals = update.signals(windows)
    settings = caches.event_settings.settings_for(event_ids)
    scores = score(signals, settings)
    return ScoredTick(windows, update, polls, settings, signals, scores, is_minute)


def detect(scored: ScoredTick, detection: ShardDetection, caches: WorkerCaches) -> None:
    """Notes among the findings which anomalies have begun, got worse or ended.

    Args:
        detection: after the tick before; changed in place.
    """
    windows = scored.windows
    muted = windows.ended_rows() | windows.recovering_rows()
    muted |= caches.pauses.muted(windows.rows["session_id"], tick_end(windows.tick))
    scored.findings[ANOMALIES] = detection.step(
        windows,
        scored.signals,
        scored.scores,
        muted,
        scored.settings,
        caches.event_settings.detection_settings_for(windows.rows["event_id"]),
    )
