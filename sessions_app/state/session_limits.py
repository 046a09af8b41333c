"""Limits on live sessions: a flood of new ones must not crowd out the others."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from sessions_app.events.blocks import Mention
from sessions_app.redis_access.keys import SHARD_COUNT
from sessions_app.state.session_windows import SessionWindows


class Limits(NamedTuple):
    """How many sessions may be live in one shard.

    Attributes:
        sessions: of all events.
        of_event: of one event.
    """

    sessions: int
    of_event: int

    @classmethod
    def of_shard(cls, sessions: int, of_event: int) -> "Limits":
        """A shard's share of the limits for all shards, rounded up.

        Sessions are distributed by a hash of their ID, so shards fill up at about the same time.
        """
        return cls(-(-sessions // SHARD_COUNT), -(-of_event // SHARD_COUNT))


def excess_sessions(
    windows: SessionWindows,
    mentions: Iterable[Mention],
    limits: Limits,
    keys_of: Callable[[set[str]], Mapping[str, int]],
) -> set[str]:
    """The platform's IDs of new sessions beyond the limits.

    Earlier sessions stay. A session whose event is unknown counts toward the overall limit only.

    Args:
        windows: at the tick before.
        mentions: the tick's sessions, each once, in order of admission.
        limits: of the shard.
        keys_of: finds the database keys of events by the platform's IDs; called only if an event
            could be at its limit.
    """
    present = set(windows.external_ids)
    newcomers = [mention for mention in mentions if mention.session_id not in present]
    if len(present) + len(newcomers) <= min(limits):
        return set()
    live = _live_by_event(windows, newcomers, keys_of)
    room = limits.sessions - len(present)
    excess = set()
    for session_id, event_id in newcomers:
        if room <= 0 or (event_id is not None and live[event_id] >= limits.of_event):
            excess.add(session_id)
            continue
        room -= 1
        if event_id is not None:
            live[event_id] += 1
    return excess


def _live_by_event(
    windows: SessionWindows,
    newcomers: Iterable[Mention],
    keys_of: Callable[[set[str]], Mapping[str, int]],
) -> Counter[str]:
    named = {mention.event_id for mention in newcomers if mention.event_id is not None}
    live = Counter(windows.rows["event_id"].tolist())
    return Counter({event_id: live[key] for event_id, key in keys_of(named).items()})
