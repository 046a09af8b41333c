"""Markup in any external name stays text on every page, and in every file and message."""

import json
from types import SimpleNamespace

import pytest
import redis
from django.contrib.auth.models import Group

from dashboard.models import ApiToken
from sessions_app.events.decoding import Fault
from sessions_app.ingest.dead_letters import DeadLetter, set_aside
from sessions_app.redis_access import keys
from sessions_app.state.poll_notices import PollMomentKind
from tests.dashboard.access import MODELS, ROWS
from tests.e2e.driving.browser import Pages
from tests.factories import (
    Cast,
    last_tick_end,
    make_anomaly,
    make_event,
    make_metrics,
    make_notice,
    make_point,
    make_poll_moment,
    make_session,
    make_user,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

HOSTILE = (
    "=x</script><script>document.body.dataset.hacked=1</script>"
    '"><img src=x onerror="document.body.dataset.hacked=1">'
    "'--{{7*7}}${7*7}\N{RIGHT-TO-LEFT OVERRIDE}"
)
# Everything that could have run, or been created from a name.
INJECTED = "[data-hacked], img[src=x], script:not([src]):not([type='application/json'])"


@pytest.fixture
def things(cast: Cast, pages: Pages) -> SimpleNamespace:
    """One object of each kind, with hostile names."""
    organizer = make_user(HOSTILE[:150])
    event = make_event(HOSTILE, cast.admin, organizer)
    event.external_id = HOSTILE
    event.save()
    session = make_session(event, HOSTILE, external_id=f"{HOSTILE}1")
    over = make_session(event, HOSTILE, external_id=f"{HOSTILE}2", ended_at=last_tick_end())
    for each in (session, over):
        make_metrics(each, [0.5] * 40)
        make_poll_moment(each, HOSTILE, PollMomentKind.FIRST_VOTE, last_tick_end())
    anomaly = make_anomaly(
        make_notice(session, reason=HOSTILE),
        verdict="FALSE_ALARM",
        verdict_note=HOSTILE,
        reviewed_by=organizer,
        acknowledged_by=organizer,
        acknowledged_at=last_tick_end(),
    )
    token, _ = ApiToken.objects.issue(name=HOSTILE[:100])
    token.events.add(event)
    letter = DeadLetter(keys.CHAT_MESSAGE, b"1-1", Fault.BAD_ID, HOSTILE, HOSTILE.encode())
    with redis.Redis.from_url(pages.redis_url) as client:
        set_aside(client, [letter])
    return SimpleNamespace(
        session=session,
        over=over,
        anomaly=anomaly,
        alice=organizer,
        token=token,
        group=Group.objects.create(name=HOSTILE[:150]),
    )


def test_hostile_names_never_run(pages: Pages, things: SimpleNamespace) -> None:
    window = pages.log_in("admin")
    paths = ["/", "/finished/", f"/?q={HOSTILE[:30]}", "/admin/", "/admin/system/"]
    for session in (things.session, things.over):
        paths += [f"/sessions/{session.pk}/", f"/sessions/{session.pk}/report/"]
    for model in MODELS:
        for page in ("", "change/", "history/", "delete/"):
            route = f"admin/{model}/" + (f"<path:object_id>/{page}" if page else "")
            if ROWS[route].answers[4] == 200:
                paths.append(ROWS[route].path.format(**vars(things)))
    told = 0
    for path in paths:
        window.open(path)
        assert window.page.locator(INJECTED).count() == 0, path
        told += "<img src=x onerror" in window.text("body")
    # Names must be shown in full, not stripped.
    assert told > len(paths) / 2
    assert window.problems == []


def test_hostile_names_in_updates_never_run(pages: Pages, things: SimpleNamespace) -> None:
    window = pages.log_in("admin", f"/sessions/{things.session.pk}/")
    notice = make_notice(things.session, reason=HOSTILE, type=HOSTILE, severity="CRITICAL")
    pages.broadcast(make_point(things.session, 0.2))
    pages.broadcast_changes(notice)
    pages.broadcast_polls(
        make_poll_moment(things.session, f"{HOSTILE}2", PollMomentKind.CLOSED, last_tick_end())
    )
    window.wait_for_text(".banner:not([hidden]) [data-field=reason]", HOSTILE, 10)
    assert window.page.locator(INJECTED).count() == 0
    assert window.problems == []


def test_downloads_with_hostile_names_are_inert(pages: Pages, things: SimpleNamespace) -> None:
    window = pages.log_in("admin")
    base = f"{window.base}/sessions/{things.session.pk}"
    for name in ("metrics.csv", "anomalies.csv"):
        response = window.context.request.get(f"{base}/{name}")
        assert response.headers["content-type"].startswith("text/csv")
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "attachment" in response.headers["content-disposition"]
        lines = response.text().splitlines()
        # Neither the ID nor the title may start a formula.
        assert lines[1].startswith("\"'=x<")
        assert ',"=' not in response.text()
        assert ",=" not in response.text()
    told = json.loads(window.context.request.get(f"{base}/anomalies.json").text())
    assert told["title"] == told["anomalies"][0]["reason"] == HOSTILE
