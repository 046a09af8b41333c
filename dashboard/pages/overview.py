"""Live sessions side by side."""

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

# A tick is scored at most ten minutes late; an older score says nothing about now.
OLDEST_SCORE = timedelta(seconds=CATCH_UP_TICKS * TICK_SECONDS)


def live_cards(sessions: SessionQuerySet, scores: bool = True) -> list[dict[str, Any]]:
    """A card for each of the sessions that is live, by event and title; four queries.

    Args:
        scores: whether to read them; without them a card is as that of a session without any.

    Raises:
        ScoresLockedError: they cannot be read now.
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
    """The overview of these sessions as one message of its socket; see :func:`live_cards`."""
    return {
        "type": "snapshot",
        "cards": live_cards(sessions, scores),
        "now": milliseconds(timezone.now()),
    }
