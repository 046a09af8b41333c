"""The platform's payloads, filled by a simulated session."""

from typing import Any, NamedTuple

Payload = dict[str, Any]


class SimulatedEvent(NamedTuple):
    """One event: seconds since the start of the simulation, channel, and payload."""

    offset_s: float
    channel: str
    payload: Payload


class Payloads:
    """Builds the payloads of one session.

    Args:
        session_id: the platform's session ID.
        event_id: the platform's event ID.
        namespace: prefix of every message and poll ID, so that no two simulations share one.
        epoch_ms: Unix time of the simulation's start, in milliseconds.
    """

    def __init__(self, session_id: str, event_id: str, namespace: str, epoch_ms: int) -> None:
        self.session_id = session_id
        self.event_id = event_id
        self.namespace = f"{namespace}-{session_id}"
        self.epoch_ms = epoch_ms

    def message(self, number: int, user_id: str, length: int, now_s: float) -> Payload:
        """A chat message: the part that both channels carry."""
        return {
            "id": f"{self.namespace}-m{number}",
            "text": "x" * length,
            "authorId": user_id,
            "timestamp": self._unix_ms(now_s),
        }

    def chat(self, message: Payload) -> Payload:
        return {**self._where(), "message": message}

    def message_created(self, message: Payload, typed: bool) -> Payload:
        """The message on the sync channel, either with a type or in the form without one."""
        created = {"resource": "MESSAGE", "action": "CREATED"}
        if typed:
            return {"type": "message_created", **created, **self._where(), "payload": message}
        return {**created, "payload": {**message, "sessionId": self.session_id}}

    def question_asked(self, number: int) -> Payload:
        question = {"id": f"{self.namespace}-q{number}", "sessionId": self.session_id}
        return {"resource": "QUESTION", "action": "CREATED", "payload": question}

    def session_ended(self) -> Payload:
        """The platform's notice that a session is over."""
        return {"type": "session_ended", **self._where()}

    def user_event(self, kind: str, user_id: str, now_s: float) -> Payload:
        """Joins, leaves, reactions and signs of life on the sync channel."""
        return {
            "type": kind,
            **self._where(),
            "userId": user_id,
            "timestamp": self._unix_ms(now_s),
        }

    def reaction(self, user_id: str, now_s: float) -> Payload:
        """A reaction on its own channel, whose payloads have no event ID."""
        return {
            "userId": user_id,
            "sessionId": self.session_id,
            "emoji": "clap",
            "timestamp": self._unix_ms(now_s),
        }

    def poll_id(self, number: int) -> str:
        return f"{self.namespace}-p{number}"

    def vote(self, poll_id: str, user_id: str, option: int, now_s: float) -> Payload:
        return {
            "userId": user_id,
            "pollId": poll_id,
            "optionId": f"{poll_id}-o{option}",
            **self._where(),
            "voteTimestamp": self._unix_ms(now_s),
        }

    def poll_closed(self, poll_id: str) -> Payload:
        return {"pollId": poll_id, **self._where()}

    def poll_results(self, poll_id: str, votes: int) -> Payload:
        """The alternative form in which the platform announces that a poll is closed."""
        poll = {
            "id": poll_id,
            "sessionId": self.session_id,
            "question": "Which one?",
            "options": [f"{poll_id}-o{option}" for option in range(4)],
            "totalVotes": votes,
        }
        return {"poll": poll, "userVotedForOptionId": None}

    def _where(self) -> dict[str, str]:
        return {"sessionId": self.session_id, "eventId": self.event_id}

    def _unix_ms(self, now_s: float) -> int:
        return self.epoch_ms + round(now_s * 1000)
