"""What is observed of a simulated conference."""

from sessions_app.events.decoding import EventKind
from sessions_app.simulation.live.cast import CHARACTERS
from sessions_app.simulation.live.conference import Conference
from sessions_app.simulation.people.characters import Character

SECONDS = 900


def simulate(seed: int = 1, characters=CHARACTERS, seconds: float | None = SECONDS, **options):
    return Conference(characters, "event", seed, **options).events(seconds)


def of(decoded, character: Character, *kinds: EventKind, run: int = 1):
    session_id = f"event-{character.key}-{run}"
    return [
        (time_s, event)
        for time_s, event in decoded
        if event.session_id == session_id and (not kinds or event.kind in kinds)
    ]


def messages_per_minute(decoded, character: Character, start_s: float, end_s: float) -> float:
    messages = {
        event.subject
        for time_s, event in of(decoded, character, EventKind.CHAT)
        if start_s <= time_s < end_s
    }
    return len(messages) / (end_s - start_s) * 60


def present_at(decoded, character: Character, end_s: float) -> set[str]:
    present = set()
    for time_s, event in of(decoded, character, EventKind.JOIN, EventKind.LEAVE):
        if time_s < end_s:
            change = present.add if event.kind == EventKind.JOIN else present.discard
            change(event.user_id)
    return present
