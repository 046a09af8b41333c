"""Making tokens: by command, and in the admin."""

import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dashboard.models import ApiToken
from tests.dashboard.api.described import Program
from tests.dashboard.conftest import logged_in
from tests.factories import Cast

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]
ADMIN = "/admin/dashboard/apitoken/"


def create(*arguments: str) -> str:
    output = StringIO()
    call_command("create_api_token", *arguments, stdout=output)
    return output.getvalue().strip()


def test_the_command_prints_a_secret_that_works(cast: Cast) -> None:
    assert Program(create("platform")).get("/sessions/").status_code == 200
    token = ApiToken.objects.get()
    assert (token.all_events, token.can_write) == (True, False)


def test_the_command_limits_a_token_to_events(cast: Cast) -> None:
    secret = create("partner", "--event", cast.session.event.external_id, "--write")
    sessions = Program(secret).get("/sessions/").json()["sessions"]
    assert [session["sessionId"] for session in sessions] == [cast.session.external_id]
    assert ApiToken.objects.get().can_write


def test_the_command_refuses_unknown_events_and_taken_names(cast: Cast) -> None:
    with pytest.raises(CommandError, match="No such event: nothing"):
        create("partner", "--event", "nothing")
    assert not ApiToken.objects.exists()
    create("partner")
    with pytest.raises(CommandError, match="choose another name"):
        create("partner")


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
