"""Slows down password guessing against one name from many networks, hardly affecting its owner.

While a name is under attack, each network that has not logged in under it before must wait before
each attempt: the longer, the more wrong passwords there were, up to half a minute. Networks do not
wait for one another. So the owner gets in at once from a known network, and after one pause from
any other network that stays the same, whatever the attacker does meanwhile.

A user whose network is new at every attempt waits each time and gets in only when the guessing
ends: such a user looks exactly like the attacker.
"""

from datetime import datetime, timedelta

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Sum
from django.utils.crypto import salted_hmac

from dashboard.models import LoginPlace

# Wrong passwords within :data:`django.conf.settings.AXES_COOLOFF_TIME`, from all networks
# together, before anybody has to wait.
FREE_FAILURES = 10
FAILURES_PER_DOUBLING = 5
MAX_PAUSE = timedelta(seconds=30)
KNOWN_FOR = timedelta(days=90)
# A network that comes back later than this must wait again.
WAITING_FOR = timedelta(minutes=10)


def pause_after(failures: int) -> timedelta:
    """How long a network waits before an attempt, after so many wrong passwords for the name."""
    if failures < FREE_FAILURES:
        return timedelta(0)
    doublings = min(10, (failures - FREE_FAILURES) // FAILURES_PER_DOUBLING)
    return min(MAX_PAUSE, timedelta(seconds=2**doublings))


def pause_before_login(name: str, network: str, now: datetime) -> timedelta:
    """How long the network still has to wait; zero if it may try now, which uses up its wait."""
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
    return _remaining(place, pause, now)


def note_login(name: str, network: str, now: datetime) -> None:
    """Lets the network log in under this name without waiting from now on."""
    LoginPlace.objects.update_or_create(
        digest=_digest(name, network), defaults={"waits_since": None, "logged_in_at": now}
    )
    _forget_old(now)


def _remaining(place: LoginPlace, pause: timedelta, now: datetime) -> timedelta:
    since = place.waits_since
    remaining = timedelta(0) if since is None else since + pause - now
    if remaining > timedelta(0):
        return remaining
    # Of several simultaneous attempts, only one may pass.
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
    # Part of every stored digest, whatever this module is called: do not rename.
    return salted_hmac("dashboard.login_pauses", place, algorithm="sha256").hexdigest()
