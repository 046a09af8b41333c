"""Fills in whether the sessions that have ended were ended by hand, as far as that can be told.

Releases before stored only when a session was last edited. One that ended by the clock and was
renamed afterwards cannot be told from one that was ended by hand: it counts as that, as it did.
"""

from typing import Any

from django.db import migrations
from django.db.models import Case, F, Max, Q, Value, When

BATCH = 2_000


def fill(apps: Any, _: Any) -> None:
    """In short transactions by ranges of keys, so that nobody waits; may be repeated."""
    sessions = apps.get_model("sessions_app", "Session").objects
    by_hand = Q(edited_at__isnull=False, edited_at__gte=F("ended_at"))
    first = 0
    while (last := _last_of_batch(sessions, first)) is not None:
        sessions.filter(
            pk__gt=first, pk__lte=last, ended_at__isnull=False, ended_by_hand__isnull=True
        ).update(ended_by_hand=Case(When(by_hand, then=Value(True)), default=Value(False)))
        first = last


def _last_of_batch(sessions: Any, first: int) -> int | None:
    keys = sessions.filter(pk__gt=first).order_by("pk").values("pk")[:BATCH]
    last: int | None = keys.aggregate(last=Max("pk"))["last"]
    return last


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sessions_app", "0012_session_ended_by_hand"),
    ]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
