"""``manage.py backtest``: what other thresholds would have raised in stored sessions."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from sessions_app.models import Pause
from tests.anomalies_app.rooms import Stretch, room
from tests.factories import make_event, make_session, store_signals

QUIET, EXIT, GONE = Stretch(80, 200, 40), Stretch(12, 80, 30, 0.6), Stretch(20, 80, 16)

pytestmark = pytest.mark.django_db


@pytest.fixture
def event():
    event = make_event("Conference")
    for name in ("one", "two"):
        session = make_session(event, name, external_id=name)
        store_signals(session, room(QUIET, EXIT, GONE))
    return event


def backtest(*arguments, **options):
    out = StringIO()
    call_command("backtest", *arguments, stdout=out, stderr=StringIO(), **options)
    return out.getvalue().splitlines()


def row(lines, name):
    return next(line.split()[1:] for line in lines if line.startswith(name))


def test_without_changes_it_lists_what_is_raised(event):
    lines = backtest()
    assert lines[0] == "2 sessions, 224 session-ticks, 0.3 session-hours"
    assert row(lines, "MASS_EXIT") == ["2", "6.429"]
    assert row(lines, "all") == ["2", "6.429"]
    assert "Detected: 2" in lines
    assert sum("Active users fell from 200 to 80" in line for line in lines) == 2


def test_changes_are_shown_beside_what_is(event):
    lines = backtest("--mute", "MASS_EXIT")
    assert row(lines, "MASS_EXIT") == ["2", "6.429", "0", "0.000"]
    assert "No longer detected: 2" in lines


def test_a_change_that_changes_nothing_says_so(event):
    lines = backtest("--sensitivity", "1.0")
    assert row(lines, "all") == ["2", "6.429", "2", "6.429"]
    assert "No longer detected: 0" in lines
    assert "Newly detected: 0" in lines


def test_each_event_has_its_own_settings(event):
    deaf = make_event("Deaf")
    deaf.mass_exit_threshold = deaf.sudden_drop_threshold = 1.0
    deaf.mute_sudden_drop = deaf.mute_gradual_decline = deaf.mute_low_engagement = True
    deaf.save()
    store_signals(make_session(deaf, "three", external_id="three"), room(QUIET, EXIT, GONE))
    lines = backtest("--mass-exit", "0.15")
    assert row(lines, "MASS_EXIT")[::2] == ["2", "3"]
    assert "Newly detected: 1" in lines
    assert row(backtest("--event", deaf.external_id), "all") == ["0", "0.000"]


def test_pauses_mute(event):
    for session in event.sessions.all():
        first = session.metrics.order_by("time").first()
        Pause.objects.create(session=session, starts_at=first.time)
    assert row(backtest(), "all") == ["0", "0.000"]


def test_an_installation_without_metrics_has_nothing_to_show():
    lines = backtest()
    assert lines[0] == "0 sessions, 0 session-ticks, 0.0 session-hours"
    assert row(lines, "all") == ["0", "0.000"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--sensitivity", "9"], "--sensitivity: Ensure this value is less than"),
        (["--event", "unknown"], "there is no event 'unknown'"),
        (["--warning", "0.9"], "must be below"),
        (["--calibration", "unknown"], r"unknown\.json: No such file"),
        (["--mute", "NOTHING"], "invalid choice"),
    ],
)
def test_what_cannot_be_is_said(event, arguments, reason):
    with pytest.raises(CommandError, match=reason):
        backtest(*arguments)
