"""From votes on the stream to marks on a chart: a poll's first vote and its end, each once."""

import pytest
import redis

from dashboard.live import sinks
from dashboard.live.subscriptions import WatchedGroups
from dashboard.pages.payloads import SHOWN_POLL_MOMENTS, poll_payload, session_snapshot
from sessions_app.models import PollMoment, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import server_time_ms
from sessions_app.state.poll_notices import PollMomentKind, PollNotice
from sessions_app.storage.polls import drop_poll_moments_before, store_poll_notices
from sessions_app.ticks import TICK_MS, tick_at, tick_end
from tests.factories import make_event, make_session
from tests.pipeline import collect_all, collector, failing, score_all, score_shard
from tests.platform import closed, post, user, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def start(redis_client: redis.Redis) -> int:
    """The beginning of a tick some ticks ago, in milliseconds."""
    return (tick_at(server_time_ms(redis_client)) - 8) * TICK_MS


def collect(client: redis.Redis, *events: tuple[str, dict, int]) -> None:
    for channel, payload, time_ms in events:
        post(client, channel, payload, f"{time_ms}-*")
    with collector() as running:
        collect_all(client, running)


def joins(start: int, count: int) -> list[tuple[str, dict, int]]:
    return [
        (keys.SYNC_EVENTS, user("user_join", f"u{number}"), start) for number in range(1, count + 1)
    ]


def votes(time_ms: int, *users: str, poll: str = "p1") -> list[tuple[str, dict, int]]:
    return [(keys.POLL_VOTE, vote(name, poll), time_ms) for name in users]


def closing(time_ms: int, poll: str = "p1") -> tuple[str, dict, int]:
    return keys.POLL_CLOSED, closed(poll), time_ms


def stored() -> list[tuple]:
    moments = PollMoment.objects.order_by("time", "poll_id")
    return [
        (
            moment.session.external_id,
            moment.poll_id,
            moment.kind,
            moment.time,
            moment.voters,
            moment.present,
        )
        for moment in moments.select_related("session")
    ]


def test_first_vote_and_end_of_a_poll_are_stored(redis_client: redis.Redis, start: int) -> None:
    first, second, third = (start + number * TICK_MS for number in range(3))
    collect(
        redis_client,
        *joins(first, 4),
        *votes(first, "u1", "u2", "u1"),
        *votes(second, "u3"),
        *votes(third, "u4"),
        closing(third + 5),
        *votes(third + 6, "u5"),
    )
    score_all(redis_client, tick_at(third))
    assert stored() == [
        ("s1", "p1", "FIRST_VOTE", tick_end(tick_at(first)), 2, 4),
        ("s1", "p1", "CLOSED", tick_end(tick_at(third)), 4, 4),
    ]


def test_a_poll_that_nobody_voted_on_only_ends(redis_client: redis.Redis, start: int) -> None:
    collect(redis_client, *joins(start, 2), closing(start))
    score_all(redis_client, tick_at(start))
    assert stored() == [("s1", "p1", "CLOSED", tick_end(tick_at(start)), 0, 2)]


def test_what_is_announced_twice_ends_once(redis_client: redis.Redis, start: int) -> None:
    first, second = start, start + TICK_MS
    collect(redis_client, *votes(first, "u1"), closing(second), closing(second + TICK_MS))
    score_all(redis_client, tick_at(second) + 2)
    kinds = [(kind, time) for _, _, kind, time, *_ in stored()]
    assert kinds == [
        ("FIRST_VOTE", tick_end(tick_at(first))),
        ("CLOSED", tick_end(tick_at(second))),
    ]


def test_polls_of_the_same_name_belong_to_their_sessions(
    redis_client: redis.Redis, start: int
) -> None:
    others = [(keys.POLL_VOTE, vote("u1", session="s2"), start)]
    collect(redis_client, *votes(start, "u1"), *others, *votes(start, "u1", poll="p2"))
    score_all(redis_client, tick_at(start))
    assert sorted(row[:3] for row in stored()) == [
        ("s1", "p1", "FIRST_VOTE"),
        ("s1", "p2", "FIRST_VOTE"),
        ("s2", "p1", "FIRST_VOTE"),
    ]


@pytest.mark.parametrize("step", ["store_metrics", "publish_updates"])
def test_a_tick_that_is_stored_again_changes_nothing(
    redis_client: redis.Redis, start: int, step: str
) -> None:
    collect(redis_client, *votes(start, "u1", "u2"))
    shard = keys.shard_of("s1")

    with failing(f"sessions_app.outcomes.session_parts.{step}"), pytest.raises(ConnectionError):
        score_shard(redis_client, shard, tick_at(start))
    score_shard(redis_client, shard, tick_at(start) + 1)
    assert stored() == [("s1", "p1", "FIRST_VOTE", tick_end(tick_at(start)), 2, 2)]


def test_a_lost_state_does_not_open_a_poll_again(redis_client: redis.Redis, start: int) -> None:
    collect(redis_client, *votes(start, "u1"))
    score_all(redis_client, tick_at(start))
    redis_client.delete(keys.shard_polls(keys.shard_of("s1")))
    collect(redis_client, *votes(start + 2 * TICK_MS, "u2"))
    score_all(redis_client, tick_at(start) + 2)
    assert [time for *_, time, _, _ in stored()] == [tick_end(tick_at(start))]


def test_polls_of_a_session_that_is_gone_do_not_stop_the_shard() -> None:
    notice = PollNotice(123_456_789, "p1", PollMomentKind.FIRST_VOTE, 1, 1)
    assert store_poll_notices([notice], tick_end(1)) == []


def test_no_user_is_stored_of_a_vote(redis_client: redis.Redis, start: int) -> None:
    collect(redis_client, *votes(start, "a-secret-user"))
    score_all(redis_client, tick_at(start))
    assert "secret" not in str(list(PollMoment.objects.values()))


def test_a_watched_page_is_told(
    redis_client: redis.Redis, start: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect(redis_client, *joins(start, 3))
    score_all(redis_client, tick_at(start))
    session = Session.objects.get()
    told: list[list[PollMoment]] = []
    watched = WatchedGroups(frozenset({session.pk}))
    monkeypatch.setattr(sinks, "watched_groups", lambda client: watched)
    monkeypatch.setattr(sinks, "broadcast_polls", lambda moments, groups: told.append(moments))
    collect(redis_client, *votes(start + TICK_MS, "u1"))
    score_all(redis_client, tick_at(start) + 2)
    [[moment]] = told
    [poll] = session_snapshot(session)["polls"]
    assert poll_payload(moment) == poll
    assert poll == {
        "session": session.pk,
        "poll": "p1",
        "kind": "FIRST_VOTE",
        "time": tick_end(tick_at(start) + 1).timestamp() * 1000,
        "voters": 1,
        "present": 3,
    }


def test_a_snapshot_holds_the_last_moments_in_order() -> None:
    session = make_session(make_event("Conference"), "Keynote")
    for tick in range(SHOWN_POLL_MOMENTS + 5):
        notice = PollNotice(session.pk, f"p{tick}", PollMomentKind.FIRST_VOTE, 1, 1)
        store_poll_notices([notice], tick_end(tick))
    shown = [poll["poll"] for poll in session_snapshot(session)["polls"]]
    assert shown == [f"p{tick}" for tick in range(5, SHOWN_POLL_MOMENTS + 5)]


def test_old_moments_are_dropped() -> None:
    session = make_session(make_event("Conference"), "Keynote")
    for tick in (1, 2, 3):
        notice = PollNotice(session.pk, f"p{tick}", PollMomentKind.CLOSED, 1, 1)
        store_poll_notices([notice], tick_end(tick))
    drop_poll_moments_before(tick_end(2))
    assert [moment.poll_id for moment in PollMoment.objects.all()] == ["p2", "p3"]
