"""The parts of what a tick leads to, each brought by the app that owns it.

A new kind of outcome is a new :class:`Part` and one line in
:mod:`engagement_conductor.pipeline.parts`; nothing else of the tick knows of it.
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
from sessions_app.telemetry.counters import TickFigures
from sessions_app.ticks import tick_end

Value = TypeVar("Value")
Stored = TypeVar("Stored")


@dataclass
class ScoredTick:
    """A tick of a shard after scoring, from which the parts are made.

    Attributes:
        windows: at the tick; the sessions that end with it are still there.
        update: what happened in it.
        polls: names of at least the polls that it speaks of.
        settings: of the event of each row.
        signals, scores: of each row.
        is_minute: whether what is stored once a minute is due.
        findings: what was found in it after scoring, by the name of the part that delivers it.
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
    """What the parts of one outcome need to be stored and published.

    Attributes:
        tick: the one that was scored.
        client: of the server of ``REDIS_URL``.
        node: of the node that has the shard.
        event_settings: of the worker.
        pieces: stores what can be stored, within the transaction.
        counters: of the tick.
    """

    tick: int
    client: "redis.Redis"
    node: "redis.Redis"
    event_settings: EventSettingsCache
    pieces: Pieces
    counters: TickFigures

    @property
    def time(self) -> datetime:
        """The end of the tick."""
        return tick_end(self.tick)


class Part(ABC, Generic[Value, Stored]):
    """A part of an outcome: how it is made, kept, stored and published.

    A part is delivered at least once: whoever dies in the middle leaves it to the next one, from
    the beginning. What is stored is stored in one transaction with all other parts.

    Attributes:
        name: by which it is kept; never another part's.
    """

    name: ClassVar[str]

    @abstractmethod
    def produce(self, scored: ScoredTick) -> Value | None:
        """What the tick leads to; None for nothing."""

    @abstractmethod
    def encode(self, value: Value) -> bytes:
        """The value as MessagePack, for :meth:`decode`."""

    @abstractmethod
    def decode(self, data: bytes) -> Value:
        """The value that :meth:`encode` wrote.

        Raises:
            ValueError: other bytes.
        """

    @abstractmethod
    def store(self, value: Value, delivery: Delivery) -> Stored:
        """Stores it in the database; what is there already stays as it is.

        Returns:
            What is to be told of it.
        """

    def publish(self, stored: Stored, delivery: Delivery) -> None:
        """Tells the platform.

        Raises:
            redis.RedisError: perhaps not everything was told.
        """

    def note_delivered(self, stored: Stored, delivery: Delivery) -> None:
        """Counts and logs what was delivered: once, after everything else."""

    def is_empty(self, value: Value) -> bool:
        """Whether there is nothing left to deliver."""
        return not value

    def sessions(self, value: Value) -> Iterable[tuple[int, str]]:
        """Keys of its sessions and the platform's IDs, where it has both."""
        return ()

    def readdressed(self, value: Value, addresses: Addresses) -> Value:
        """The value with the keys that sessions and events have now, without what is gone."""
        return value

    def size(self, value: Value) -> int:
        """How many things it has that are counted when they are left out."""
        return 0
