"""The system page of the admin, and the dead letters that it shows."""

import pytest
from django.test import Client

from sessions_app.redis_access import keys
from tests.factories import Cast, make_staff

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


def test_the_page_shows_parts_streams_and_letters(
    client: Client, cast: Cast, letters: None
) -> None:
    client.force_login(cast.admin)
    response = client.get("/admin/system/")
    html = response.content.decode()
    assert response.context["status"] in {"ok", "degraded"}
    rows = {row["label"]: row for row in response.context["parts"]}
    assert rows["Database"]["ok"]
    assert not rows["Beat"]["ok"]
    assert rows["Dead letters"]["detail"] == "30 kept"
    assert {stream["name"] for stream in response.context["streams"]} == {*keys.CHANNELS}
    assert (keys.CHAT_MESSAGE, "wrong_shape", 29) in response.context["reasons"]
    assert "&lt;script&gt;alert(1)" in html
    assert "<script>alert" not in html


def test_letters_have_pages(client: Client, cast: Cast, letters: None) -> None:
    client.force_login(cast.admin)
    first = client.get("/admin/system/").context
    second = client.get("/admin/system/", {"before": first["older"]}).context
    assert (len(first["letters"]), len(second["letters"])) == (25, 5)
    assert second["older"] == ""
    seen = {letter.id for letter in [*first["letters"], *second["letters"]]}
    assert len(seen) == 30


@pytest.mark.parametrize("before", ["x", "1", "1-", "-1", "1-2-3", f"{2**64}-0"])
def test_what_is_no_id_is_refused(client: Client, cast: Cast, before: str) -> None:
    client.force_login(cast.admin)
    assert client.get("/admin/system/", {"before": before}).status_code == 400


def test_staff_needs_the_permission(client: Client) -> None:
    client.force_login(make_staff("clerk", "view_event"))
    assert client.get("/admin/system/").status_code == 403
    client.force_login(make_staff("operator", "view_system"))
    assert client.get("/admin/system/").status_code == 200
    assert "/admin/system/" in client.get("/admin/").content.decode()


def test_the_page_says_that_redis_is_down(client: Client, cast: Cast, settings) -> None:
    client.force_login(cast.admin)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/admin/system/")
    assert response.context["status"] == "down"
    assert "Redis is not responding" in response.content.decode()
