"""Whatever is in an ID, an address speaks of one session and of no other."""

from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest
from asgiref.sync import sync_to_async
from channels.testing import ApplicationCommunicator
from hypothesis import given
from hypothesis import strategies as st

from dashboard.api.session_addresses import (
    PARTS,
    ROOT,
    encoded_behind_root,
    encoded_path,
    read_session_address,
)
from dashboard.models import ApiToken
from engagement_conductor.asgi import application
from sessions_app.models import Pause, Session
from tests.dashboard.api.described import Program, make_token
from tests.factories import Cast, make_metrics, make_session

ODD = [
    "a",
    "a/pause",
    "a/pause/",
    "a/history",
    "a/",
    "/a",
    "a//b",
    "/",
    ".",
    "..",
    "../a",
    "a/..",
    "%2F",
    "a%2Fpause",
    "pause",
    "pause/pause",
    "/pause",
    "a?b",
    "a#b",
    "a b+c&d=e",
    "ü/\N{FULLWIDTH SOLIDUS}",
    "a\nb",
]


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("a", ("a", "")),
        ("a/", ("a", "")),
        ("a/pause", ("a", "pause")),
        ("a/pause/", ("a", "pause")),
        ("a%2Fpause", ("a/pause", "")),
        ("a%2fpause/", ("a/pause", "")),
        ("a%2Fpause/pause/", ("a/pause", "pause")),
        ("a/b/pause/", ("a/b", "pause")),
        ("a/%70ause/", ("a", "pause")),
        ("a%2F/", ("a/", "")),
        ("a//", ("a/", "")),
        ("a//pause", ("a/", "pause")),
        ("pause/", ("pause", "")),
        ("/pause/", ("/pause", "")),
        ("pause/pause", ("pause", "pause")),
        ("../", ("..", "")),
        ("a%252Fpause/", ("a%2Fpause", "")),
    ],
)
def test_slashes_that_are_encoded_belong_to_the_id(encoded: str, expected: tuple[str, str]) -> None:
    assert read_session_address(encoded) == expected


@given(st.text(min_size=1), st.sampled_from(["", *PARTS]))
def test_what_is_encoded_comes_back(external_id: str, part: str) -> None:
    if any("\ud800" <= letter <= "\udfff" for letter in external_id):
        return
    encoded = f"{quote(external_id, safe='')}/{part}"
    assert read_session_address(encoded) == (external_id, part)


def test_without_the_address_as_it_was_sent_it_is_made_again() -> None:
    assert encoded_path({}, "/a b/ü") == "/a%20b/%C3%BC"
    assert encoded_path({"raw_path": b"/a%2Fb"}, "/a/b") == "/a%2Fb"


@pytest.mark.parametrize(
    ("encoded", "expected"),
    [
        ("/api/v1/sessions/a%2Fpause/", "a%2Fpause/"),
        ("/api/v1/%73essions/a%2Fpause/", "a%2Fpause/"),
        ("/%61pi/v%31/session%73/a/api/v1/sessions/b", "a/api/v1/sessions/b"),
        ("/api%2Fv1/sessions/a/pause/", None),
        ("/api/v1%2fsessions/a/pause/", None),
        ("/api/v1/sessions%2Fa/pause/", None),
        ("%2Fapi/v1/sessions/a/pause/", None),
        ("/api/v1/sessions", None),
    ],
)
def test_the_root_is_known_however_it_is_encoded(encoded: str, expected: str | None) -> None:
    assert encoded_behind_root(encoded) == expected


async def ask(secret: str, method: str, path: str) -> tuple[int, Any]:
    """As the web server does, which keeps the path as it was sent."""
    plain, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": method,
        "path": unquote(plain),
        "raw_path": plain.encode(),
        "query_string": query.encode(),
        "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {secret}".encode())],
    }
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "http.request", "body": b""})
    start = await communicator.receive_output(30)
    body = await communicator.receive_output(30)
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(30)
    return start["status"], msgspec.json.decode(body["body"])


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client", "connections_closed")
async def test_each_session_is_found_paused_and_paged_by_its_own_address(cast: Cast) -> None:
    def prepare() -> str:
        for external_id in ODD:
            session = make_session(cast.session.event, "Odd", external_id=external_id)
            make_metrics(session, [0.5] * 3)
        _, secret = ApiToken.objects.issue(name="all", all_events=True, can_write=True)
        return secret

    secret = await sync_to_async(prepare)()
    for external_id in ODD:
        path = f"{ROOT}{quote(external_id, safe='')}"
        by_query = f"?id={quote(external_id, safe='')}"
        for address in (path, f"{path}/", f"/api/v1/session/{by_query}"):
            status, body = await ask(secret, "GET", address)
            assert (status, body["sessionId"]) == (200, external_id), address
        _, page = await ask(secret, "GET", f"{path}/history/?from=2020-01-01T00:00:00Z&limit=2")
        status, rest = await ask(secret, "GET", page["next"])
        assert (status, rest["sessionId"], len(rest["points"])) == (200, external_id, 1)
        _, page = await ask(
            secret, "GET", f"/api/v1/session/history/{by_query}&from=2020-01-01T00:00:00Z&limit=2"
        )
        assert (await ask(secret, "GET", page["next"]))[1]["sessionId"] == external_id
        for address in (f"{path}/pause/", f"/api/v1/session/pause/{by_query}"):
            assert (await ask(secret, "POST", address))[0] == 200
            assert await sync_to_async(paused)() == [external_id]
        assert (await ask(secret, "POST", f"{path}/"))[0] == 405
        assert await sync_to_async(paused)() == [external_id]
        await sync_to_async(Pause.objects.all().delete)()


@pytest.mark.integration
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("redis_client", "connections_closed")
async def test_an_encoded_root_leads_to_no_other_session(cast: Cast) -> None:
    def prepare() -> str:
        for external_id in ("a", "a/pause", "pause"):
            make_session(cast.session.event, "Odd", external_id=external_id)
        return make_token("all", all_events=True, can_write=True)

    secret = await sync_to_async(prepare)()
    status, body = await ask(secret, "GET", "/api/v1/%73essions/a%2Fpause/")
    assert (status, body["sessionId"]) == (200, "a/pause")
    assert (await ask(secret, "POST", "/api/v1/%73essions/a%2Fpause/"))[0] == 405
    for path in ("/api%2Fv1/sessions/a/pause/", "/api/v1/sessions%2Fa/pause/"):
        assert (await ask(secret, "GET", path))[0] == 404
        assert (await ask(secret, "POST", path))[0] in {404, 405}
    assert await sync_to_async(paused)() == []
    assert (await ask(secret, "POST", "/api/v1/%73essions/a%2Fpause/pause/"))[0] == 200
    assert await sync_to_async(paused)() == ["a/pause"]


def paused() -> list[str]:
    return list(Session.objects.filter(pauses__isnull=False).values_list("external_id", flat=True))


@pytest.mark.integration
@pytest.mark.usefixtures("redis_client")
def test_an_id_as_a_parameter_is_needed_and_described(cast: Cast) -> None:
    platform = Program(make_token("platform", all_events=True, can_write=True))
    session = make_session(cast.session.event, "Odd", external_id="../a/pause")
    for part in ("", "history/", "anomalies/"):
        assert platform.get(f"/session/{part}?id=../a/pause").json()["sessionId"] == "../a/pause"
        assert platform.get(f"/session/{part}").status_code == 400
        assert platform.get(f"/session/{part}?id=..").status_code == 404
    for part in ("pause", "resume", "end"):
        assert platform.post(f"/session/{part}/?id=../a/pause").status_code == 200
    session.refresh_from_db()
    assert session.is_over
