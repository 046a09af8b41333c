"""Making tokens by command."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dashboard.models import ApiToken
from tests.dashboard.api.described import Program
from tests.factories import Cast

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


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
