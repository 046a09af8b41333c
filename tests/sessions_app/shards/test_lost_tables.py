"""A table on Redis that cannot be read costs its own session little, and no other anything."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from anomalies_app.models import Anomaly
from sessions_app.models import Session
from sessions_app.redis_access import keys
from sessions_app.shards.lost_tables import MAXIMUM_KEPT, KeptTable, LostTableLog
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference
from sessions_app.state import deduplication, poll_tables, presence
from sessions_app.state.packed_tables import LostTable, Table, combine, pack_table, unpack_table
from sessions_app.telemetry.counters import LOST_TABLES, named, read_counters
from sessions_app.telemetry.pipeline_status import pipeline_status
from sessions_app.ticks import TICK_MS, tick_at
from tests.integration.test_oracle import stored_rows
from tests.oracle import LoggedEvent, Row, expected_rows
from tests.pipeline import collect, failing, score_all
from tests.platform import chat, closed, user, vote

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]

FIRST = tick_at(1_750_000_000_000)
# Of the same shard.
HIT, SPARED = "s0", "s17"
SHARD = keys.shard_of(HIT)
PEOPLE = 70
# When the detector has known the room for long enough to alarm.
HIT_AFTER = 70
LAST = 95
Poison = Callable[[bytes], bytes | None]
POISONS: dict[str, Poison] = {
    "a byte too many": lambda blob: blob + b"x",
    "cut off": lambda blob: blob[:-3],
    "a person too few": lambda blob: blob[: -presence.USER.itemsize],
    "another version": lambda blob: blob[:3] + b"\x09" + blob[4:],
    "garbage": lambda blob: b"\x80" * 34,
    "gone": lambda blob: None,
}


def lecture(session: str) -> Iterator[LoggedEvent]:
    """A room of people who are connected, chat, and vote on a poll; some leave, some come."""

    def at(tick: int, channel: str, payload: dict[str, Any]) -> LoggedEvent:
        return (FIRST + tick) * TICK_MS + tick % 7, channel, payload

    for number in range(PEOPLE):
        yield at(0, keys.SYNC_EVENTS, user("user_join", f"u{number}", session))
    for number in range(PEOPLE // 2):
        yield at(3, keys.POLL_VOTE, vote(f"u{number}", "p", session))
    for tick in range(1, LAST + 1):
        for number in range(3):
            message = chat(f"m{tick}-{number}", f"u{(3 * tick + number) % 40}", session)
            yield at(tick, keys.CHAT_MESSAGE, message)
    for tick in (60, 75, 85):
        yield at(tick, keys.SYNC_EVENTS, user("user_leave", f"u{tick - 20}", session))
    for tick in (77, 90):
        yield at(tick, keys.SYNC_EVENTS, user("user_join", f"new{tick}", session))


def everything() -> list[LoggedEvent]:
    return sorted([*lecture(HIT), *lecture(SPARED)], key=lambda event: event[0])


def play(client: redis.Redis, log: list[LoggedEvent], first: int, last: int) -> None:
    """Posts and scores the ticks from ``first`` to ``last``."""
    with client.pipeline(transaction=False) as entries:
        for time_ms, channel, payload in log:
            if first <= tick_at(time_ms) <= last:
                entries.xadd(channel, {"data": json.dumps(payload)}, id=f"{time_ms}-*")
        entries.execute()
    collect(client)
    score_all(client, last)


def differing(log: list[LoggedEvent], last: int) -> dict[str, set[str]]:
    """By session, the columns in which some stored row is not what it should be."""
    found, expected = stored_rows(), expected_rows(log, last)
    assert found.keys() == expected.keys()
    wrong: dict[str, set[str]] = {}
    for key, row in found.items():
        for name in Row._fields:
            if getattr(row, name) != pytest.approx(getattr(expected[key], name), abs=1e-9):
                wrong.setdefault(key[0], set()).add(name)
    return wrong


def poison(client: redis.Redis, key: str, change: Poison) -> bytes:
    """Changes the table of the session that is hit; returns what it is then."""
    field = str(Session.objects.get(external_id=HIT).pk)
    changed = change(client.hget(key, field) or b"")
    if changed is None:
        client.hdel(key, field)
        return b""
    client.hset(key, field, changed)
    return changed


def kept(client: redis.Redis) -> list[KeptTable]:
    elements = client.lrange(keys.shard_set_aside(SHARD), 0, -1)
    return [msgspec.msgpack.decode(element, type=KeptTable) for element in elements]


@pytest.mark.parametrize("change", POISONS.values(), ids=POISONS)
def test_the_room_of_a_lost_audience_goes_on(
    redis_client: redis.Redis, change: Poison, caplog: pytest.LogCaptureFixture
) -> None:
    log = everything()
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, FIRST + HIT_AFTER)
    blob = poison(redis_client, keys.shard_presence(SHARD), change)
    play(redis_client, log, FIRST + HIT_AFTER + 1, FIRST + LAST)
    assert differing(log, FIRST + LAST) == {}
    assert not Anomaly.objects.exists()
    [table] = kept(redis_client)
    assert (table.kind, table.size, table.data) == ("audiences", len(blob), blob[:8192])
    assert table.session_id == Session.objects.get(external_id=HIT).pk
    assert read_counters(redis_client)[named(LOST_TABLES, "audiences")] == 1
    assert pipeline_status(redis_client).lost_tables == 1
    said = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(said) == 1
    assert "Lost 1 session tables, most of them (1) of kind audiences" in said[0]


@pytest.mark.parametrize("lost", ["shard_polls", "shard_voters"])
@pytest.mark.parametrize("change", POISONS.values(), ids=POISONS)
def test_of_lost_polls_nothing_but_the_polls_suffers(
    redis_client: redis.Redis, lost: str, change: Poison
) -> None:
    log = everything()
    for number in range(50, 55):
        for session in (HIT, SPARED):
            time_ms = (FIRST + HIT_AFTER + 1) * TICK_MS + 2
            log.append((time_ms, keys.POLL_VOTE, vote(f"u{number}", "p", session)))
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, FIRST + HIT_AFTER)
    poison(redis_client, getattr(keys, lost)(SHARD), change)
    play(redis_client, log, FIRST + HIT_AFTER + 1, FIRST + LAST)
    wrong = differing(log, FIRST + LAST)
    assert SPARED not in wrong
    assert wrong.get(HIT, set()) <= {"score", "poll_participation"}
    assert not Anomaly.objects.exists()
    row = stored_rows()[HIT, FIRST + LAST]
    # Polls begin anew with the next vote; without voters the poll keeps its numbers.
    expected = {"shard_polls": 5 / 69, "shard_voters": (35 + 5) / PEOPLE}
    assert row.poll_participation == pytest.approx(expected[lost])


def test_lost_identities_cost_nobody_a_tick(redis_client: redis.Redis) -> None:
    log = everything()
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, FIRST + HIT_AFTER)
    key = keys.shard_identities(SHARD)
    for place, element in ((-2, b"junk"), (-3, redis_client.lindex(key, -3)[:-1])):
        redis_client.lset(key, place, element)
    play(redis_client, log, FIRST + HIT_AFTER + 1, FIRST + LAST)
    assert differing(log, FIRST + LAST) == {}
    # Each is set aside once, though the list keeps ten minutes.
    assert [(table.kind, table.session_id) for table in kept(redis_client)] == [
        ("identities", 0)
    ] * 2
    assert read_counters(redis_client)[named(LOST_TABLES, "identities")] == 2


def test_a_tick_that_is_not_committed_sets_nothing_aside(redis_client: redis.Redis) -> None:
    log = everything()
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, FIRST + 5)
    poison(redis_client, keys.shard_presence(SHARD), lambda blob: b"junk")

    with failing("engagement_conductor.pipeline.tick.score_tick"), pytest.raises(ConnectionError):
        play(redis_client, log, FIRST + 6, FIRST + 6)
    assert kept(redis_client) == []
    play(redis_client, [], 0, FIRST + 7)
    assert len(kept(redis_client)) == 1
    assert differing([event for event in log if tick_at(event[0]) <= FIRST + 6], FIRST + 7) == {}


@pytest.mark.parametrize("change", [lambda blob: b"junk", lambda blob: None])
def test_windows_and_audience_may_be_lost_together(
    redis_client: redis.Redis, change: Poison
) -> None:
    log = everything()
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, FIRST + HIT_AFTER)
    poison(redis_client, keys.shard_presence(SHARD), change)
    redis_client.set(keys.shard_windows(SHARD), b"junk")
    play(redis_client, log, FIRST + HIT_AFTER + 1, FIRST + LAST)
    wrong = differing(log, FIRST + LAST)
    assert SPARED not in wrong
    # Who has just left is in no metric.
    assert wrong.get(HIT, set()) <= {"score", "user_leave_rate"}
    assert not Anomaly.objects.exists()


def test_what_is_set_aside_is_bounded(redis_client: redis.Redis) -> None:
    score_all(redis_client, FIRST - 1)
    play(redis_client, everything(), FIRST, FIRST)
    for tick in range(1, 4):
        key = keys.shard_identities(SHARD)
        for number in range(60):
            redis_client.rpush(key, b"x" * (10_000 + number))
        play(redis_client, [], 0, FIRST + tick)
    tables = kept(redis_client)
    assert len(tables) == MAXIMUM_KEPT
    assert {len(table.data) for table in tables} == {8192}
    assert 0 < redis_client.ttl(keys.shard_set_aside(SHARD)) <= 7 * 86_400
    assert read_counters(redis_client)[named(LOST_TABLES, "identities")] == 180


def test_the_log_says_so_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    log = LostTableLog()
    for _ in range(100):
        log.report(3, [LostTable("polls", 0, "wrong checksum", b"x")])
    assert len(caplog.records) == 1


def as_the_release_before(client: redis.Redis) -> None:
    """Rewrites all tables into what the release without headers stored."""
    for shard in range(keys.SHARD_COUNT):
        votes = votes_of(client, shard)
        for field, blob in client.hgetall(keys.shard_presence(shard)).items():
            client.hset(keys.shard_presence(shard), field, blob[8:])
        for field, blob in client.hgetall(keys.shard_polls(shard)).items():
            table = unpack_table(np.zeros(1, np.int64), [blob], poll_tables.POLL_FORM).table
            # In an order of its own.
            bare = np.zeros(len(table.rows), poll_tables.POLL_WITHOUT_SLOT)
            for name in poll_tables.POLL_WITHOUT_SLOT.names:
                bare[name] = table.records[name][::-1]
            client.hset(keys.shard_polls(shard), field, bare.tobytes())
        client.delete(keys.shard_voters(shard))
        for field, blob in votes.items():
            client.hset(keys.shard_votes(shard), field, blob)
        seen = client.lrange(keys.shard_identities(shard), 0, -1)
        client.delete(keys.shard_identities(shard))
        for element in seen:
            client.rpush(keys.shard_identities(shard), element[8:])


def votes_of(client: redis.Redis, shard: int) -> dict[bytes, bytes]:
    """A record for each vote on an open poll, by session."""
    of_polls = client.hgetall(keys.shard_polls(shard))
    found = {}
    for field, blob in client.hgetall(keys.shard_voters(shard)).items():
        row = np.zeros(1, np.int64)
        voters = unpack_table(row, [blob], poll_tables.VOTER_FORM).table.records
        cast = []
        for poll in unpack_table(row, [of_polls[field]], poll_tables.POLL_FORM).table.records:
            bit = np.uint64(1) << np.uint64(poll["slot"])
            users = voters["user"][(voters["voted"] & bit) != 0]
            records = np.zeros(len(users), poll_tables.VOTE)
            records["poll"] = poll["poll"]
            records["vote"] = combine(users, np.full(len(users), poll["poll"]))
            cast.append(records.tobytes())
        found[field] = b"".join(cast)
    return found


def test_a_stack_of_the_release_before_goes_on(redis_client: redis.Redis) -> None:
    log = [
        (FIRST * TICK_MS + int(event.offset_s * 1000), event.channel, event.payload)
        for event in Conference(CHARACTERS, "conference", seed=3).events(duration_s=300)
    ]
    last = tick_at(log[-1][0])
    votes = [event for event in log if event[1] == keys.POLL_VOTE]
    # Everybody who has voted by then votes once more, and a poll is closed.
    middle = tick_at(votes[len(votes) // 2][0])
    votes = [event for event in votes if tick_at(event[0]) <= middle]
    log += [((middle + 1) * TICK_MS + 1, channel, payload) for _, channel, payload in votes]
    _, _, payload = votes[-1]
    log.append(
        ((middle + 2) * TICK_MS, keys.POLL_CLOSED, closed(payload["pollId"], payload["sessionId"]))
    )
    log.sort(key=lambda event: event[0])
    score_all(redis_client, FIRST - 1)
    play(redis_client, log, FIRST, middle)
    as_the_release_before(redis_client)
    assert any(redis_client.exists(keys.shard_votes(shard)) for shard in range(16))
    play(redis_client, log, middle + 1, last)
    assert differing(log, last) == {}
    assert not any(
        redis_client.exists(keys.shard_set_aside(shard), keys.shard_votes(shard))
        for shard in range(16)
    )


def test_headers_are_all_that_is_new_of_audiences_and_identities() -> None:
    users, seen = np.zeros(3, presence.USER), np.zeros(3, deduplication.SEEN)
    row, rows = np.zeros(1, np.int64), np.zeros(3, np.int64)
    [blob] = pack_table(Table(rows, users), row, presence.FORM)
    assert blob[8:] == users.tobytes()
    assert deduplication.pack(seen)[8:] == seen.tobytes()
