"""Which addresses the API has, however they are written."""

import pytest

from tests.dashboard.api.described import ROOT, Program, session_path
from tests.factories import (
    Cast,
    make_session,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


@pytest.mark.parametrize("name", ["missing", "x" * 300, "a%00b", "a/b", ".."])
def test_what_does_not_exist_is_404(cast: Cast, platform: Program, name: str) -> None:
    assert platform.get(f"/sessions/{name}/").status_code == 404


def test_ids_may_contain_anything_printable(cast: Cast, platform: Program) -> None:
    make_session(cast.session.event, "Odd", external_id="a/b c?&é%")
    path = "/sessions/a/b%20c%3F%26%C3%A9%25/"
    assert platform.get(path).json()["sessionId"] == "a/b c?&é%"


def test_an_address_works_without_its_last_slash(cast: Cast, platform: Program) -> None:
    path = ROOT + session_path(cast.session, "pause")
    assert platform.client.post(path, headers=platform.headers).status_code == 200
