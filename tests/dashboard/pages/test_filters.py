"""Which sessions an address asks for."""

import pytest

from tests.dashboard.conftest import logged_in
from tests.dashboard.pages.test_overview_views import titles
from tests.factories import (
    Cast,
    make_event,
    make_session,
)

pytestmark = pytest.mark.integration


def test_overview_is_filtered_by_its_address(cast: Cast) -> None:
    other = make_event("Other", cast.alice)
    make_session(other, "Workshop")
    client = logged_in(cast.alice)

    def shown(query: str) -> list[str]:
        return titles(client.get(f"/{query}").content.decode())

    assert shown(f"?event={other.pk}") == ["Workshop"]
    assert shown("?q=KEY") == ["Keynote"]
    assert shown(f"?event={cast.bobs_session.event_id}") == ["Keynote", "Workshop"]
    assert shown("?event=x&q=") == ["Keynote", "Workshop"]
    page = client.get("/?q=nothing").content.decode()
    assert "0 of 2 shown" in page
    assert 'id="no-match" >' in page
    assert f'<option value="{cast.bobs_session.event_id}"' not in page


@pytest.mark.parametrize("path", ["/", "/finished/"])
def test_an_event_that_cannot_be_is_no_filter(cast: Cast, path: str) -> None:
    response = logged_in(cast.alice).get(path, {"event": "9" * 5_000})
    assert response.status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/?q=%00",
        "/finished/?q=a%00b",
        "/admin/autocomplete/?app_label=sessions_app&model_name=session&field_name=event&term=%00",
        "/admin/auth/user/?q=%00",
    ],
)
def test_a_nul_in_an_address_makes_no_sense(cast: Cast, path: str) -> None:
    response = logged_in(cast.admin).get(path)
    assert response.status_code == 400
    assert "This request is not valid" in response.content.decode()
    assert "Content-Security-Policy" in response.headers
