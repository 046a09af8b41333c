"""Random event logs with few users and sessions, so that events often interact."""

from typing import Any

from hypothesis import strategies as st

from sessions_app.redis_access import keys
from tests.oracle import LoggedEvent

# Together with the ticks scored afterwards less than ten minutes, for which duplicates are
# recognised and missed ticks are caught up with.
LONGEST_LOG_MS = 520_000

# s0 and s17 are in the same shard, s1 is in another.
sessions = st.sampled_from(["s0", "s0", "s0", "s0", "s17", "s1"])
users = st.sampled_from(["u0", "u1", "u2", "u3"])
polls = st.sampled_from(["p0", "p1"])
messages = st.sampled_from([f"m{number}" for number in range(8)])
event_ids = st.sampled_from([{}, {"eventId": "e0"}, {"eventId": "s0"}])
gaps_ms = st.sampled_from([0, 0, 1, 40, 700, 2_500, 2_500, 5_000, 5_000, 9_000, 30_000])


@st.composite
def platform_events(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A channel and a payload of any kind in the wire contract."""
    return draw(
        st.one_of(
            presence(), presence(), presence(), chats(), chats(), votes(), votes(), closings()
        )
        | reactions()
        | signs()
    )


@st.composite
def presence(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(["user_join", "user_join", "user_leave"]))
    channel = draw(st.sampled_from([keys.SYNC_EVENTS, keys.LIVE_SYNC]))
    return channel, {"type": kind, **draw(_where()), "userId": draw(users)}


@st.composite
def chats(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    where = draw(_where())
    message = {"id": draw(messages), "authorId": draw(users), "text": "x"}
    created = {"resource": "MESSAGE", "action": "CREATED"}
    on_sync = {"type": "message_created", **created, **where, "payload": message}
    return draw(
        st.sampled_from(
            [
                (keys.CHAT_MESSAGE, {**where, "message": message}),
                (keys.SYNC_EVENTS, on_sync),
                (keys.SYNC_EVENTS, {**created, "payload": {**message, **where}}),
            ]
        )
    )


@st.composite
def votes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    payload = {"userId": draw(users), "pollId": draw(polls), "optionId": "o", **draw(_where())}
    return keys.POLL_VOTE, payload


@st.composite
def closings(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    poll, where = draw(polls), draw(_where())
    results = {"poll": {"id": poll, "sessionId": where["sessionId"], "options": []}}
    return keys.POLL_CLOSED, draw(st.sampled_from([{"pollId": poll, **where}, results]))


@st.composite
def reactions(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    where, user = draw(_where()), draw(users)
    return draw(
        st.sampled_from(
            [
                (keys.LIVE_REACTION, {"userId": user, "sessionId": where["sessionId"]}),
                (keys.SYNC_EVENTS, {"type": "reaction", **where, "userId": user}),
                (keys.SYNC_EVENTS, {"type": "emoji", **where, "userId": user}),
            ]
        )
    )


@st.composite
def signs(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Signs of life of a user or of the session only, and ends of sessions."""
    where = draw(_where())
    return keys.SYNC_EVENTS, draw(
        st.sampled_from(
            [
                {"type": "typing", **where, "userId": draw(users)},
                {"type": "presence_update", **where, "userId": draw(users)},
                {"type": "hand_raised", **where, "userId": draw(users)},
                {"resource": "QUESTION", "action": "CREATED", "payload": where},
                {"resource": "MESSAGE", "action": "DELETED", "payload": where},
                {"type": "session_ended", **where},
            ]
        )
    )


@st.composite
def event_logs(draw: st.DrawFn, start_ms: int) -> list[LoggedEvent]:
    """A log that begins at ``start_ms`` or shortly after.

    Entries of different streams have no order within a millisecond, so only events of the same
    stream share one.
    """
    log: list[LoggedEvent] = []
    # With few events, hardly any would be in the same window.
    shortest = draw(st.sampled_from([1, 30, 60]))
    steps = draw(st.lists(st.tuples(gaps_ms, platform_events()), min_size=shortest, max_size=90))
    time_ms = start_ms
    for gap_ms, (channel, payload) in steps:
        shared = bool(log) and log[-1][1] != channel
        time_ms += max(gap_ms, 1) if shared else gap_ms
        if time_ms >= start_ms + LONGEST_LOG_MS:
            break
        log.append((time_ms, channel, payload))
    return log


@st.composite
def _where(draw: st.DrawFn) -> dict[str, str]:
    return {"sessionId": draw(sessions), **draw(event_ids)}
