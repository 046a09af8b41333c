"""The page of a request that failed."""

from typing import Any

import pytest
import redis
from django.db import InterfaceError, OperationalError

from dashboard.pages import overview_views
from tests.dashboard.conftest import logged_in
from tests.dashboard.http.test_middleware import assert_hardened
from tests.factories import Cast

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("outage", [OperationalError, InterfaceError, redis.ConnectionError])
def test_a_page_that_a_server_is_missing_for_says_so(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, outage: type[Exception]
) -> None:
    def fail(*_: Any) -> Any:
        raise outage("secret of the database")

    monkeypatch.setattr(overview_views, "snapshot", fail)
    alice = logged_in(cast.alice)
    alice.raise_request_exception = False
    response = alice.get("/")
    assert_hardened(response, 503)
    assert int(response.headers["Retry-After"]) > 0
    assert "Back in a moment" in response.content.decode()
    assert "secret" not in response.content.decode()
