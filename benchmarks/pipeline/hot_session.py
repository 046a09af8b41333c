"""Ticks with activity in one huge session with many polls, among thousands of others."""

import time
from collections.abc import Callable

import numpy as np
import redis

from benchmarks import memory
from benchmarks.inputs.live_sessions import activity, deliver, joins, register
from benchmarks.measurement import Measurement
from benchmarks.pipeline.scorers import Scorers, running_scorers
from sessions_app.events.blocks import COLUMNS
from sessions_app.events.decoding import EventKind
from sessions_app.models import EngagementMetric, Session
from sessions_app.redis_access import keys
from sessions_app.redis_access.client import connect
from sessions_app.state import presence
from sessions_app.state.packed_tables import Table, combine, pack_table, unpack_table
from sessions_app.state.poll_tables import MAXIMUM_POLLS, POLL, POLL_FORM, VOTER, VOTER_FORM
from sessions_app.state.presence import MAXIMUM_USERS
from sessions_app.ticks import TICK_SECONDS, tick_at, tick_end

SESSIONS = 10_000
EVENTS_OF_ORGANIZERS = 50
ACTIONS = 2_000
SEED = 1
# The subject of the first poll.
VOTED_ON = 1
_ONE = np.zeros(1, np.int64)


def measure(report: Callable[[str], None]) -> list[Measurement]:
    """Scores a quiet tick, and ticks with a vote, a chat message and 2,000 actions there."""
    report(f"{MAXIMUM_USERS:,} people and {MAXIMUM_POLLS} polls among {SESSIONS:,} sessions")
    client = connect(socket_timeout=60)
    client.flushdb()
    names = register(SESSIONS, EVENTS_OF_ORGANIZERS)
    tick = tick_at(time.time_ns() // 1_000_000) - 10
    deliver(client, tick, names, joins(SESSIONS))
    people = np.arange(1, MAXIMUM_USERS + 1)
    measurements = []
    with running_scorers() as scorers:
        scorers.score(tick)
        deliver(client, tick + 1, names, _actions(EventKind.JOIN, people))
        scorers.score(tick + 1)
        _store_votes(client, names[0])
        numbers = np.random.default_rng(SEED)
        mixed = _actions(EventKind.CHAT, people[:ACTIONS])
        mixed["kind"][::2], mixed["subject"][::2] = EventKind.VOTE, VOTED_ON
        hot = {
            "quiet": mixed[:0],
            "one_vote": _actions(EventKind.VOTE, people[:1]),
            "one_chat": _actions(EventKind.CHAT, people[:1]),
            "2000_acts": mixed,
        }
        for number, (name, actions) in enumerate(hot.items(), tick + 2):
            deliver(client, number, names, np.concatenate([activity(SESSIONS, numbers), actions]))
            seconds, peak = _score(scorers, number)
            _check(names[0], number, SESSIONS)
            measurements.append(
                Measurement(
                    f"hot_session_{name}", seconds, "s", float(TICK_SECONDS), "length of a tick"
                )
            )
            report(f"{name}: {seconds:.2f} s, {peak / 1e6:.0f} MB in a scoring process")
    client.flushdb()
    return measurements


def _score(scorers: Scorers, tick: int) -> tuple[float, float]:
    """Seconds to score the tick, and memory of the largest process afterwards."""
    began = time.perf_counter()
    scorers.score(tick)
    seconds = time.perf_counter() - began
    return seconds, max(map(memory.resident_bytes, scorers.pids))


def _check(hot: str, tick: int, sessions: int) -> None:
    """Checks that everybody is present, and that every session has its row."""
    rows = EngagementMetric.objects.filter(time=tick_end(tick))
    active = rows.get(session__external_id=hot).active_users
    if rows.count() != sessions or active < MAXIMUM_USERS - sessions:
        raise AssertionError(f"{rows.count()} rows, {active} people in {hot}")


def _actions(kind: EventKind, people: np.ndarray) -> np.ndarray:
    """One event of a kind for each of the people, in the first session."""
    events = np.zeros(len(people), COLUMNS)
    events["kind"], events["user"], events["order"] = kind, people, np.arange(len(people))
    events["subject"] = VOTED_ON if kind is EventKind.VOTE else people
    return events


def _store_votes(client: redis.Redis, name: str) -> None:
    """Stores 64 polls with everybody's votes as the scorer does; posting them takes minutes."""
    shard, key = keys.shard_of(name), Session.objects.get(external_id=name).pk
    audience = client.hget(keys.shard_presence(shard), str(key))
    people = unpack_table(_ONE, [audience], presence.FORM).table
    voters = np.zeros(len(people.rows), VOTER)
    voters["user"], voters["voted"] = people.records["user"], 2**64 - 1
    polls = np.zeros(MAXIMUM_POLLS, POLL)
    subjects = np.arange(VOTED_ON, VOTED_ON + MAXIMUM_POLLS, dtype=np.uint64)
    polls["poll"] = combine(subjects, np.full(MAXIMUM_POLLS, key, np.uint64))
    polls["slot"] = np.arange(MAXIMUM_POLLS)
    polls["voters"] = polls["present"] = MAXIMUM_USERS
    for hash_key, records, form in (
        (keys.shard_polls(shard), polls, POLL_FORM),
        (keys.shard_voters(shard), voters, VOTER_FORM),
    ):
        table = Table(np.zeros(len(records), np.int64), records)
        client.hset(hash_key, str(key), pack_table(table, _ONE, form)[0])
