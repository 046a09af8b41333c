"""Making tokens: by command, and in the admin."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.models import ApiToken
from tests.dashboard.api.described import Program, make_token
from tests.dashboard.conftest import logged_in
from tests.factories import Cast

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]
ADMIN = "/admin/dashboard/apitoken/"


def test_the_admin_shows_a_secret_once_and_revokes_it(cast: Cast) -> None:
    client = logged_in(cast.admin)
    page = client.post(f"{ADMIN}add/", {"name": "platform", "all_events": "on"}).content.decode()
    found = re.search(r'<code id="secret">(.+?)</code>', page)
    assert found
    program = Program(found[1])
    assert program.get("/sessions/").status_code == 200
    token = ApiToken.objects.get()
    assert token.created_by == cast.admin
    for path in (ADMIN, f"{ADMIN}{token.pk}/change/"):
        assert found[1] not in client.get(path).content.decode()
    client.post(ADMIN, {"action": "revoke_tokens", "_selected_action": token.pk})
    assert program.get("/sessions/").status_code == 401


def test_a_secret_is_not_stored(cast: Cast) -> None:
    secret = make_token("platform", all_events=True)
    row = ApiToken.objects.values().get()
    assert secret not in str(row)
    assert secret.startswith(row["beginning"])


def test_its_last_use_is_noted_once_a_minute(cast: Cast) -> None:
    platform = Program(make_token("platform", all_events=True, can_write=True))
    platform.get("/events/")
    used = ApiToken.objects.get().last_used_at
    with CaptureQueriesContext(connection) as queries:
        platform.get("/events/")
    assert not [query for query in queries.captured_queries if "UPDATE" in query["sql"]]
    ApiToken.objects.update(last_used_at=used - timedelta(minutes=2))
    platform.get("/events/")
    assert ApiToken.objects.get().last_used_at >= used
