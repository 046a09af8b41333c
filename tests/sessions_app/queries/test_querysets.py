"""Questions to the models that several parts of the product ask."""

from typing import Any

import pytest

from sessions_app.models import Event, Session
from sessions_app.queries.querysets import ASSIGNMENTS, AWAITS_EVENT
from tests.factories import make_event, make_session


def test_every_relation_that_assigns_an_event_is_named() -> None:
    relations = {field.name for field in Event._meta.get_fields() if field.many_to_many}
    assert relations == ASSIGNMENTS


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event", "stand_in", "awaits_event"),
    [
        ("conference", None, False),
        ("conference", "own", False),
        ("own", "own", True),
        ("others", None, False),
        ("others", "own", False),
    ],
)
def test_a_session_awaits_an_event_in_its_own_stand_in_only(
    event: str, stand_in: str | None, awaits_event: bool
) -> None:
    events: dict[str | None, Any] = {
        "conference": make_event("Conference"),
        "own": Event.objects.create(external_id="42", title="42", is_stand_in=True),
        "others": Event.objects.create(external_id="7", title="7", is_stand_in=True),
        None: None,
    }
    session = make_session(events[event], "Talk", stand_in=events[stand_in])
    assert session.awaits_event == awaits_event
    (in_query,) = Session.objects.annotate(found=AWAITS_EVENT).values_list("found", flat=True)
    assert in_query == awaits_event
