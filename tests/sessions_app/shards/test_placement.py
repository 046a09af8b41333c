"""Where the sessions of a tick stand in a shard's windows."""

import numpy as np
import pytest
from pytest_django import DjangoAssertNumQueries

from sessions_app.events.blocks import Mention
from sessions_app.models import Session
from sessions_app.shards.placement import place_sessions
from sessions_app.state.session_windows import SessionWindows

pytestmark = [pytest.mark.integration, pytest.mark.django_db]
TICK = 350_000_000


def place(windows: SessionWindows, *mentions: tuple[str, str | None]) -> list[int]:
    return place_sessions(windows, [Mention(*each) for each in mentions], TICK).tolist()


def test_new_sessions_get_rows_and_known_ones_keep_theirs(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    windows = SessionWindows(TICK)
    assert place(windows, ("a", "e"), ("b", "e")) == [0, 1]
    assert place(windows, ("c", "e"), ("a", "e")) == [2, 0]
    assert windows.external_ids == ["a", "b", "c"]
    keys = dict(Session.objects.values_list("external_id", "pk"))
    assert windows.rows["session_id"].tolist() == [keys[name] for name in "abc"]
    with django_assert_num_queries(0):
        assert place(windows, ("b", "e"), ("c", None)) == [1, 2]
        assert place(windows) == []


def test_a_session_waits_for_its_event_to_be_named() -> None:
    windows = SessionWindows(TICK)
    place(windows, ("a", None))
    assert not windows.rows["event_is_known"].any()
    stand_in = windows.rows["event_id"].copy()
    windows.rows["chat"][0] = 7
    assert place(windows, ("a", "e")) == [0]
    assert windows.rows["event_is_known"].all()
    assert windows.rows["event_id"] != stand_in
    assert np.all(windows.rows["chat"] == 7)
