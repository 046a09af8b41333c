"""The admin's list of anomalies, with a thousand rows and with a million."""

import statistics
import time
from collections.abc import Callable
from datetime import timedelta

from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.db import connection
from django.test import AsyncClient, Client, override_settings
from django.utils import timezone

from anomalies_app.admin import AnomalyAdmin
from anomalies_app.admin.change_list import COUNTED_ROWS
from anomalies_app.models import Anomaly
from benchmarks.measurement import Measurement
from sessions_app.models import EngagementMetric, Event, Session

SMALL, LARGE = 1_000, 1_000_000
EVENTS, SESSIONS = 50, 2_000
REPETITIONS = 5
BATCH_ROWS = 50_000
EXPORTED_SECONDS = 5.0
LIST = "/admin/anomalies_app/anomaly/"
# Queries of the list; the first rows have metrics, so that their sparklines are drawn.
QUERIES = {
    "first": "",
    "open": "status=OPEN",
    "acknowledged": "status=ACKNOWLEDGED",
    "false_alarm": "status=FALSE_ALARM",
    "critical": "severity__exact=CRITICAL",
    "of_type": "type__exact=MASS_EXIT",
    "goes_on": "state=open",
    "year": "date={year}",
    "event": "event={event}",
    "search": "q=Session+1234",
    "search_nothing": "q=nowhere",
    "oldest_first": "o=1",
    "last_page": "p={last}",
}

# One every 31 seconds; of 100, ten acknowledged, four confirmed, one a false alarm; a few are open.
ANOMALIES = """
INSERT INTO anomalies (
    id, time, session_id, event_id, metadata, type, severity, anomaly_score, current_engagement,
    expected_engagement, deviation, signals, reason, ended_at, acknowledged_at, acknowledged_by_id,
    verdict, verdict_note, reviewed_at, reviewed_by_id
)
SELECT gen_random_uuid(), %(now)s - number * interval '31 s',
    sessions[number %% %(sessions)s + 1], events[number %% %(events)s + 1], '{"changes": []}',
    (ARRAY['SUDDEN_DROP', 'GRADUAL_DECLINE', 'MASS_EXIT', 'LOW_ENGAGEMENT'])[number %% 4 + 1],
    CASE WHEN number %% 5 = 0 THEN 'CRITICAL' ELSE 'WARNING' END, 0.7, 0.3, 0.6, 0.3,
    '{"active_users": 120, "chat_msgs_per_min": 14.0}', 'Chat fell from 42 to 9 messages a minute.',
    CASE WHEN number %% 10007 <> 1 THEN %(now)s - number * interval '31 s' + interval '2 min' END,
    CASE WHEN number %% 100 < 15 THEN %(now)s END, CASE WHEN number %% 100 < 15 THEN %(user)s END,
    CASE WHEN number %% 100 = 4 THEN 'FALSE_ALARM' WHEN number %% 100 < 4 THEN 'CONFIRMED'
        ELSE '' END,
    '', CASE WHEN number %% 100 < 5 THEN %(now)s END, CASE WHEN number %% 100 < 5 THEN %(user)s END
FROM generate_series(%(first)s, %(last)s) AS number,
    (SELECT array_agg(id ORDER BY id) AS sessions FROM sessions_app_session) AS of_sessions,
    (SELECT array_agg(id ORDER BY id) AS events FROM sessions_app_event) AS of_events
"""


@override_settings(ALLOWED_HOSTS=["testserver"])
def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Requests the list in many ways, and one anomaly's page, at both sizes."""
    report(f"list of {SMALL:,} anomalies")
    small = _measure_size(SMALL)
    report(f"list of {LARGE:,} anomalies")
    large = _measure_size(LARGE)
    report("export of anomalies")
    note = f"the same with {SMALL:,} rows"
    return [
        *(
            Measurement(f"anomaly_list_{name}", large[name], "s", small[name], note)
            for name in large
        ),
        Measurement("anomaly_export", _export_rate(), "rows/s", 1_000.0, "1,000 rows/s"),
    ]


def _measure_size(rows: int) -> dict[str, float]:
    user = _fill(rows)
    client = Client()
    client.force_login(user)
    words = {
        "year": timezone.now().year,
        "event": Event.objects.earliest("pk").pk,
        "last": min(rows, COUNTED_ROWS) // AnomalyAdmin.list_per_page,
    }
    addresses = {name: f"{LIST}?{query.format(**words)}" for name, query in QUERIES.items()}
    newest = Anomaly.objects.latest()
    return {
        name: _seconds(client, address)
        for name, address in {**addresses, "page": f"{LIST}{newest.pk}/change/"}.items()
    }


def _seconds(client: Client, address: str) -> float:
    """Median response time, after one untimed request."""
    times = []
    for _ in range(REPETITIONS + 1):
        started = time.perf_counter()
        response = client.get(address)
        times.append(time.perf_counter() - started)
        if response.status_code != 200:
            raise AssertionError(f"{response.status_code} for {address}")
    return statistics.median(times[1:])


def _fill(rows: int) -> User:
    """Empties the database and fills it; returns an admin."""
    for model in (Anomaly, EngagementMetric, Event):
        model.objects.all().delete()
    now = timezone.now()
    user, _ = User.objects.get_or_create(username="bench", is_staff=True, is_superuser=True)
    events = Event.objects.bulk_create(
        Event(external_id=f"event-{number}", title=f"Event {number}") for number in range(EVENTS)
    )
    Session.objects.bulk_create(
        Session(
            external_id=f"session-{number}",
            title=f"Session {number}",
            event=events[number % EVENTS],
            started_at=now,
            last_seen_at=now,
        )
        for number in range(SESSIONS)
    )
    values = {"now": now, "user": user.pk, "sessions": SESSIONS, "events": EVENTS}
    with connection.cursor() as cursor:
        # In batches, to stay below the product's statement timeout.
        for first in range(1, rows + 1, BATCH_ROWS):
            last = min(rows, first + BATCH_ROWS - 1)
            cursor.execute(ANOMALIES, {**values, "first": first, "last": last})
        cursor.execute("ANALYZE")
    _store_metrics(list(Anomaly.objects.order_by("-time")[:100]))
    return user


def _store_metrics(anomalies: list[Anomaly]) -> None:
    """Stores ten minutes of metrics around each anomaly."""
    figures = ("chat_msgs_per_min", "poll_participation", "active_users", "total_users")
    figures += ("reactions_per_min", "user_leave_rate", "chat_count", "reaction_count")
    figures += ("join_count", "leave_count", "vote_count")
    EngagementMetric.objects.bulk_create(
        EngagementMetric(
            session_id=anomaly.session_id,
            time=anomaly.time + timedelta(seconds=5 * tick),
            score=0.5,
            **dict.fromkeys(figures, 1),
        )
        for anomaly in anomalies
        for tick in range(-60, 60)
    )


def _export_rate() -> float:
    """Rows per second of a full download, during its first seconds."""
    lines, seconds = async_to_sync(_export)(User.objects.get(username="bench"))
    return lines / seconds


async def _export(user: User) -> tuple[int, float]:
    client = AsyncClient()
    await client.aforce_login(user)
    started = time.perf_counter()
    response = await client.get(f"{LIST}export/")
    lines, seconds = 0, 0.0
    async for part in response:
        lines += part.count(b"\n")
        seconds = time.perf_counter() - started
        if seconds > EXPORTED_SECONDS:
            break
    return lines, seconds
