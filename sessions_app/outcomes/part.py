"""The parts of a tick's outcome, each provided by the app that owns it.

A new kind of outcome is a new :class:`Part` and one line in
:mod:`engagement_conductor.pipeline.outcome_parts`; nothing else in the tick depends on it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import redis
from numpy.typing import NDArray

from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.events.blocks import PollName
from sessions_app.outcomes.addresses import Addresses
from sessions_app.outcomes.piecewise import Pieces
from sessions_app.scoring.score import ScoreSettings, Signals
from sessions_app.state.session_windows import SessionWindows
from sessions_app.state.tick_update import TickUpdate
from sessions_app.telemetry.counters import TickCounters
from sessions_app.ticks import tick_end

Value = TypeVar("Value")
Stored = TypeVar("Stored")


@dataclass
class ScoredTick:
    """A scored tick of a shard, from which the parts are produced.

    Attributes:
        windows: at the tick; they still contain the sessions that end with it.
        update: result of the tick.
        polls: names of at least the polls it mentions.
        settings: of the event of each row.
        signals, scores: of each row.
        is_minute: whether what is stored once a minute is due.
        findings: results of later stages, by the name of the part that delivers them.
    """

    windows: SessionWindows
    update: TickUpdate
    polls: Iterable[PollName]
    settings: ScoreSettings
    signals: Signals
    scores: NDArray[np.float64]
    is_minute: bool
    findings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Delivery:
    """What parts need in order to be stored and published.

    Attributes:
        tick: the scored one.
        client: of the server of ``REDIS_URL``.
        node: the node with the shard.
        event_settings: cache of the worker.
        pieces: stores lists of items within the transaction.
        counters: of the tick.
    """

    tick: int
    client: "redis.Redis"
    node: "redis.Redis"
    event_settings: EventSettingsCache
    pieces: Pieces
    counters: TickCounters

    @property
    def time(self) -> datetime:
        """The end of the tick."""
        return tick_end(self.tick)


class Part(ABC, Generic[Value, Stored]):
    """A part of an outcome: how it is produced, encoded, stored and published.

    A part is delivered at least once: if a worker dies during delivery, the next one starts over.
    All parts are stored in one transaction.

    Attributes:
        name: identifies it in the outbox; must never be reused for another part.
    """

    name: ClassVar[str]

    @abstractmethod
    def produce(self, scored: ScoredTick) -> Value | None:
        """The value of this part for the tick; None if there is nothing to deliver."""

    @abstractmethod
    def encode(self, value: Value) -> bytes:
        """The value as MessagePack for :meth:`decode`."""

    @abstractmethod
    def decode(self, data: bytes) -> Value:
        """The value that :meth:`encode` wrote.

        Raises:
            ValueError: other bytes.
        """

    @abstractmethod
    def store(self, value: Value, delivery: Delivery) -> Stored:
        """Stores the value in the database; existing rows stay unchanged.

        Returns:
            What to publish.
        """

    def publish(self, stored: Stored, delivery: Delivery) -> None:
        """Publishes to the platform.

        Raises:
            redis.RedisError: perhaps not everything was published.
        """

    def note_delivered(self, stored: Stored, delivery: Delivery) -> None:
        """Counts and logs the delivery: once, after everything else."""

    def is_empty(self, value: Value) -> bool:
        """Whether the value contains nothing to deliver."""
        return not value

    def sessions(self, value: Value) -> Iterable[tuple[int, str]]:
        """Database keys and platform IDs of its sessions, if it contains both."""
        return ()

    def readdressed(self, value: Value, addresses: Addresses) -> Value:
        """The value with the current keys of sessions and events, without deleted ones."""
        return value

    def size(self, value: Value) -> int:
        """The number of items to count if they are left out."""
        return 0
