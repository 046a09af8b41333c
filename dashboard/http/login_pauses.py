"""Guesses at one name from many networks are slowed down, and its owner hardly is.

While a name is guessed at, each network that has not logged in as it before has to wait before each
attempt: longer the more wrong passwords there were, and half a minute at most. Networks do not wait
for one another. So whoever knows the password is in at once from a usual place, and after a moment
from any other to which he comes back, whatever somebody else does meanwhile.

Whoever comes from another new network with each attempt waits anew each time, and is not in before
the guessing ends: he cannot be told from whom the pauses are for.
"""

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.utils.crypto import salted_hmac

from dashboard.models import LoginPlace

# Wrong passwords within :data:`django.conf.settings.AXES_COOLOFF_TIME`, from all networks.
FREE_FAILURES = 10
FAILURES_PER_DOUBLING = 5
LONGEST_PAUSE = timedelta(seconds=30)
KNOWN_FOR = timedelta(days=90)
# Whoever comes back later than this waits anew.
WAITING_FOR = timedelta(minutes=10)


def pause_after(failures: int) -> timedelta:
    """How long a network waits before an attempt, after so many wrong passwords for its name."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(10, (failures - FREE_FAILURES) // FAILURES_PER_DOUBLING)
    return min(LONGEST_PAUSE, timedelta(seconds=2**doublings))


def pause_before_login(name: str, network: str, now: datetime) -> timedelta:
    """How long the network still has to wait; nothing if this is its attempt, which counts."""
    pause = pause_after(_recent_failures(name, now))
    if not pause:
        return pause
    place, is_new = LoginPlace.objects.get_or_create(
        digest=_digest(name, network), defaults={"waits_since": now}
    )
    if is_new:
        _forget_old(now)
        return pause
    if place.logged_in_at is not None and place.logged_in_at > now - KNOWN_FOR:
        return timedelta(0)
    return _left(place, pause, now)


def note_login(name: str, network: str, now: datetime) -> None:
    """From now on the network does not wait for this name."""
    LoginPlace.objects.update_or_create(
        digest=_digest(name, network), defaults={"waits_since": None, "logged_in_at": now}
    )
    _forget_old(now)


def _left(place: LoginPlace, pause: timedelta, now: datetime) -> timedelta:
    since = place.waits_since
    left = timedelta(0) if since is None else since + pause - now
    if left > timedelta(0):
        return left
    # Of several attempts at the same moment one has waited for all of them.
    same = LoginPlace.objects.filter(pk=place.pk, waits_since=since)
    has_waited = since is not None and since > now - WAITING_FOR
    return timedelta(0) if same.update(waits_since=now) and has_waited else pause


def _recent_failures(name: str, now: datetime) -> int:
    recent = AccessAttempt.objects.filter(
        username=name, attempt_time__gt=now - settings.AXES_COOLOFF_TIME
    )
    return recent.aggregate(all=Sum("failures_since_start"))["all"] or 0


def _forget_old(now: datetime) -> None:
    LoginPlace.objects.filter(logged_in_at__lt=now - KNOWN_FOR).delete()
    LoginPlace.objects.filter(logged_in_at=None, waits_since__lt=now - WAITING_FOR).delete()


def _digest(name: str, network: str) -> str:
    place = f"{name}\0{network}"
    return salted_hmac("dashboard.http.login_pauses", place, algorithm="sha256").hexdigest()
