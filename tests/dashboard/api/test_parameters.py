"""Query parameters of the API: what is understood, and what is refused by name."""

import pytest

from tests.dashboard.api.described import Program, session_path
from tests.factories import (
    Cast,
)

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("redis_client")]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=x",
        "limit=²",
        "from=yesterday",
        "from=2026-02-30T00:00:00Z",
        "to=2026-11-22T10:00:00",
        "limit=" + "0" * 19 + "1000000",
        "limit=" + "0" * 4_400,
        "to=0001-01-01T00:00:00%2B23:59",
    ],
)
def test_bad_parameters_are_named(cast: Cast, platform: Program, query: str) -> None:
    response = platform.get(session_path(cast.session, f"history/?{query}"))
    assert response.status_code == 400
    assert response.json()["parameter"] == query.partition("=")[0]


def test_times_of_any_zone_are_understood(cast: Cast, platform: Program) -> None:
    path = session_path(cast.session, "history/?from=2026-01-01T00:00:00%2B23:59")
    assert platform.get(path).status_code == 200


def test_a_cursor_of_any_length_is_judged(cast: Cast, platform: Program) -> None:
    assert platform.get(f"/sessions/?cursor={'0' * 4_400}").json()["parameter"] == "cursor"
