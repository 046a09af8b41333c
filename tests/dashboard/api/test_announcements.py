"""Announcements while an admin is at the same session."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import Client

from dashboard.api.session_addresses import ROOT
from sessions_app.models import Pause, Session
from tests.conftest import url_of_database
from tests.dashboard.api.described import make_token
from tests.factories import Cast
from tests.waiting import wait_until

pytestmark = [
    pytest.mark.integration,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("redis_client"),
]

MOVED = "UPDATE sessions_app_session SET event_id = %(event)s WHERE id = %(session)s"
DELETED = "DELETE FROM sessions_app_session WHERE id = %(session)s"


def announced_while(change: Callable[[Any], Any], path: str, secret: str) -> Any:
    """The answer to an announcement that comes while the session is being changed."""
    answers: list[Any] = []

    def announce() -> None:
        client = Client(raise_request_exception=False)
        answers.append(client.post(path, headers={"authorization": f"Bearer {secret}"}))
        connections.close_all()

    with psycopg.connect(url_of_database()) as link:
        change(link)
        asking = threading.Thread(target=announce)
        asking.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        wait_until(lambda: link.execute(waiting).fetchone()[0], 20)
    asking.join(20)
    return answers[0]


@pytest.mark.parametrize("part", ["pause", "resume", "end"])
@pytest.mark.parametrize("change", [MOVED, DELETED])
def test_the_right_is_that_of_the_moment_of_the_announcement(
    cast: Cast, part: str, change: str
) -> None:
    secret = make_token("writer", cast.session.event, can_write=True)
    keys = {"session": cast.session.pk, "event": cast.bobs_session.event_id}
    path = f"{ROOT}{cast.session.external_id}/{part}/"
    answer = announced_while(lambda link: link.execute(change, keys), path, secret)
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert not Pause.objects.exists()
    assert not Session.objects.filter(ended_at__isnull=False).exists()
