"""Results that waited: whose they are, and of which event, by what the database says now."""

import msgspec

from sessions_app.shards.rekeying import find_sessions
from sessions_app.state.tick_results import TickResults


def readdress(results: TickResults, keys_hold: bool) -> TickResults:
    """The results with the keys that their sessions and events have now.

    What belongs to sessions that there are not any more is left out. What is attached stays as it
    is.

    Args:
        results: of a tick, as they were kept.
        keys_hold: whether keys mean what they meant in that tick; otherwise a session is known by
            the platform's ID only, and what has none with it is left out.

    Raises:
        django.db.Error: the database does not answer.
    """
    places = dict(find_sessions(results.external_ids))
    before = results.metrics["session_id"].tolist()
    now = {
        key: places[name].session_id if name in places else None
        for key, name in zip(before, results.external_ids, strict=True)
    }

    def current(keys: list[int]) -> list[int]:
        found = (now.get(key, key if keys_hold else None) for key in keys)
        return [key for key in found if key is not None]

    names = [name for name in results.external_ids if name in places]
    metrics = results.metrics[[name in places for name in results.external_ids]].copy()
    metrics["session_id"] = [places[name].session_id for name in names]
    metrics["event_id"] = [places[name].event_id for name in names]
    return results._replace(
        external_ids=names,
        metrics=metrics,
        heard_of=current(results.heard_of),
        ended=current(results.ended),
        polls=[
            msgspec.structs.replace(notice, session_id=key)
            for notice in results.polls
            for key in current([notice.session_id])
        ],
    )
