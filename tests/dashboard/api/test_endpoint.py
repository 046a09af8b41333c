"""What all addresses of the API have in common: token, method, caching, outages."""

from typing import Any

import pytest
from django.db import DatabaseError
from django.test import Client

from dashboard.api import endpoint
from dashboard.models import ApiToken
from sessions_app.models import Pause
from tests.dashboard.api.described import ROOT, Program, session_path
from tests.factories import (
    Cast,
    last_tick_end,
    make_metrics,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


def test_unchanged_answers_cost_no_body(cast: Cast, platform: Program) -> None:
    make_metrics(cast.session, [0.3])
    for path in ("/sessions/", session_path(cast.session), session_path(cast.session, "history/")):
        etag = platform.get(path).headers["ETag"]
        assert platform.get(path, **{"if-none-match": etag}).status_code == 304
    make_metrics(cast.session, [0.4], last_tick_end())
    assert platform.get(path, **{"if-none-match": etag}).status_code == 200


@pytest.mark.parametrize("more", ["pause/", "resume/", "end/"])
def test_writing_needs_the_permission(cast: Cast, partner: Program, more: str) -> None:
    response = partner.post(session_path(cast.session, more))
    assert response.status_code == 403
    cast.session.refresh_from_db()
    assert not cast.session.is_over
    assert not Pause.objects.exists()


def test_each_address_has_its_method(cast: Cast, platform: Program) -> None:
    response = platform.client.post(f"{ROOT}/sessions/", headers=platform.headers)
    assert (response.status_code, response.headers["Allow"]) == (405, "GET, HEAD")
    path = ROOT + session_path(cast.session, "end/")
    assert platform.client.get(path, headers=platform.headers).status_code == 405
    assert platform.client.get(f"{ROOT}/nothing", headers=platform.headers).status_code == 404


def test_only_a_valid_token_counts(cast: Cast, platform: Program) -> None:
    for secret in (None, "", "wrong", "é"):
        response = Program(secret).get("/sessions/")
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    client = Client()
    client.force_login(cast.admin)
    assert client.get(f"{ROOT}/sessions/").status_code == 401
    ApiToken.objects.get(name="platform").revoke()
    assert platform.get("/sessions/").status_code == 401


def test_without_the_database_it_says_so(
    cast: Cast, platform: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Any) -> None:
        raise DatabaseError("the server is away")

    monkeypatch.setattr(endpoint, "_authenticate", fail)
    response = platform.get("/sessions/")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
