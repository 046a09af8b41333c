"""Labelled sessions: random characters, their events, and the ground truth on their anomalies."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from sessions_app.recordings.signal_recording import SIGNALS, RecordedSignals
from sessions_app.scoring.score import Signals
from sessions_app.simulation.labelled.drawing import Drawing
from sessions_app.simulation.labelled.kinds import KINDS, Kind
from sessions_app.simulation.labelled.labels import SessionLabels
from sessions_app.simulation.labelled.measurement import measure
from sessions_app.simulation.labelled.programme import PROGRAMME
from sessions_app.simulation.labelled.trouble import bring_trouble
from sessions_app.simulation.people.characters import Character
from sessions_app.simulation.people.crowd import simulate_crowd
from sessions_app.ticks import TICK_SECONDS

# Decimals of stored ratios.
DECIMALS = 4


class LabelledCharacter(NamedTuple):
    """A session to simulate.

    Attributes:
        character: how the session behaves; its phases cover the whole session.
        agenda: the organizer's schedule, a word per tick.
        labels: its ground truth.
    """

    character: Character
    agenda: list[str]
    labels: SessionLabels


class LabelledSession(NamedTuple):
    """A simulated session: arrays of one element per tick.

    Attributes:
        signals: the six signals.
        agenda: the organizer's schedule, a word per tick.
        labels: its ground truth.
    """

    signals: Signals
    agenda: list[str]
    labels: SessionLabels


def draw_character(seed: int, number: int, kind: Kind | None = None) -> LabelledCharacter:
    """Session ``number`` of a simulation; independent of the others.

    Args:
        seed: the same seed gives the same sessions.
        number: from 0.
        kind: the kind of session; random by default.
    """
    random = np.random.default_rng([seed, number, 0])
    kind = kind or KINDS[int(random.integers(len(KINDS)))]
    session_id = f"s{number:04}"
    drawing = Drawing(kind, session_id, random)
    draft, anomalies = bring_trouble(drawing.draw(), random)
    drawing.mood(draft.programme)
    character = replace(draft.character, phases=draft.programme.phases())
    labels = SessionLabels(
        session_id=session_id,
        size=character.audience,
        ticks=draft.programme.ticks,
        anomalies=anomalies,
        negatives=sorted(draft.programme.negatives, key=lambda stretch: stretch.start),
        excused=sorted(draft.programme.excused, key=lambda stretch: stretch.start),
        kind=kind.key,
    )
    return LabelledCharacter(character, draft.programme.agenda, labels)


def simulate_session(seed: int, number: int, kind: Kind | None = None) -> LabelledSession:
    """Draws session ``number`` like :func:`draw_character`, and simulates it."""
    drawn = draw_character(seed, number, kind)
    ticks = drawn.labels.ticks
    random = np.random.default_rng([seed, number, 1])
    events = simulate_crowd(drawn.character, ticks * TICK_SECONDS, random)
    return LabelledSession(measure(events, ticks), drawn.agenda, drawn.labels)


def simulate_sessions(seed: int, count: int, kind: Kind | None = None) -> Iterator[LabelledSession]:
    """The first ``count`` sessions of a simulation."""
    for number in range(count):
        yield simulate_session(seed, number, kind)


def recorded(sessions: Iterable[LabelledSession]) -> tuple[RecordedSignals, list[str]]:
    """The sessions as one concatenated table, and the agenda of its rows."""
    sessions = list(sessions)
    lengths = [session.labels.ticks for session in sessions]
    agenda = [word for session in sessions for word in session.agenda]
    columns = {
        name: np.concatenate(
            [np.zeros(0), *(np.asarray(getattr(session.signals, name)) for session in sessions)]
        ).round(DECIMALS)
        for name in SIGNALS
    }
    signals = RecordedSignals(
        session=np.repeat(np.arange(len(sessions)), lengths),
        session_ids=[session.labels.session_id for session in sessions],
        tick=np.concatenate([np.zeros(0, np.int64), *map(np.arange, lengths)]),
        muted=np.array([word != PROGRAMME for word in agenda], dtype=np.bool_),
        **columns,
    )
    return signals, agenda
