"""The overview: all live sessions, one card each."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from anomalies_app.models import Anomaly
from dashboard.formatting.presentation import SPARKLINE_POINTS
from dashboard.pages.payloads import card_payload, milliseconds
from sessions_app.models import Pause
from sessions_app.queries.querysets import SessionQuerySet
from sessions_app.storage.locked_scores import reading_scores
from sessions_app.storage.recent_scores import RecentScores, recent_scores
from sessions_app.ticks import CATCH_UP_TICKS, TICK_SECONDS

# A tick is scored at most ten minutes late; an older score is no longer current.
OLDEST_SCORE = timedelta(seconds=CATCH_UP_TICKS * TICK_SECONDS)


def live_cards(sessions: SessionQuerySet, scores: bool = True) -> list[dict[str, Any]]:
    """A card for each live session, sorted by event and title; four queries.

    Args:
        scores: whether to read scores; if not, cards look like those of sessions without any.

    Raises:
        ScoresLockedError: the scores are locked.
    """
    now = timezone.now()
    live = list(
        sessions.live()
        .select_related("event")
        .only("title", "ended_at", "event__title")
        .order_by("event__title", "event_id", "title", "pk")
    )
    keys = [session.pk for session in live]
    recent: dict[int, RecentScores] = {}
    if scores:
        with reading_scores():
            recent = recent_scores(keys, SPARKLINE_POINTS, now - OLDEST_SCORE)
    anomalies = Anomaly.objects.latest_open_by_session(keys)
    pauses = Pause.objects.kinds_by_session(keys, now)
    return [
        card_payload(
            session,
            recent.get(session.pk),
            anomalies.get(session.pk),
            pauses.get(session.pk),
        )
        for session in live
    ]


def snapshot(sessions: SessionQuerySet, scores: bool = True) -> dict[str, Any]:
    """The overview of these sessions as a message for its socket; see :func:`live_cards`."""
    return {
        "type": "snapshot",
        "cards": live_cards(sessions, scores),
        "now": milliseconds(timezone.now()),
    }
