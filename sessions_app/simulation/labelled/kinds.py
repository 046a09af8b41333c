"""Kinds of sessions, as ranges from which sessions are drawn.

The ranges follow live events and are deliberately wide: a detector that only works on narrow ones
would have learned the simulator.
"""

from typing import NamedTuple

Range = tuple[float, float]


class Kind(NamedTuple):
    """Parameters of a kind of session; pairs are ranges.

    Attributes:
        key: its name.
        audience: number of people, log-uniform.
        minutes: length of the session.
        arrival_s: seconds from the start within which most people arrive.
        chat: messages per person and minute in a room of 50 people, log-uniform. In larger rooms
            each person writes less.
        reactions: reactions, likewise.
        applause: rounds of applause per hour.
        lulls, bursts: lulls and bursts of chat per hour.
        hiccups: network hiccups per hour.
        polls: probability that the session has polls.
        breaks: probability of a break.
        segments: probability that exercises, videos or Q&A change the level of activity.
        restlessness: share of those present who lose their connection per minute, log-uniform.
        leaving: share of those present who leave per minute, log-uniform.
        announced: probability that clients announce all joins and leaves; otherwise only some or
            none do.
    """

    key: str
    audience: Range
    minutes: Range
    arrival_s: Range
    chat: Range
    reactions: Range
    applause: Range
    lulls: Range
    bursts: Range
    hiccups: Range
    polls: float
    breaks: float
    segments: float
    restlessness: Range
    leaving: Range
    announced: float


KINDS = (
    Kind(
        "conference_talk",
        audience=(25, 900),
        minutes=(30, 75),
        arrival_s=(60, 300),
        chat=(0.03, 0.5),
        reactions=(0.01, 0.3),
        applause=(1, 6),
        lulls=(0, 3),
        bursts=(0, 2),
        hiccups=(0, 0.8),
        polls=0.4,
        breaks=0.05,
        segments=0.4,
        restlessness=(0.002, 0.03),
        leaving=(0.002, 0.012),
        announced=0.5,
    ),
    Kind(
        "keynote",
        audience=(200, 2000),
        minutes=(30, 90),
        arrival_s=(120, 420),
        chat=(0.05, 0.8),
        reactions=(0.05, 0.9),
        applause=(5, 20),
        lulls=(0, 3),
        bursts=(1, 5),
        hiccups=(0, 1),
        polls=0.35,
        breaks=0.0,
        segments=0.4,
        restlessness=(0.003, 0.03),
        leaving=(0.002, 0.015),
        announced=0.5,
    ),
    Kind(
        "webinar",
        audience=(30, 1500),
        minutes=(30, 90),
        arrival_s=(60, 480),
        chat=(0.015, 0.3),
        reactions=(0.005, 0.08),
        applause=(0, 1),
        lulls=(0, 5),
        bursts=(0, 2),
        hiccups=(0, 0.8),
        polls=0.7,
        breaks=0.02,
        segments=0.5,
        restlessness=(0.002, 0.02),
        leaving=(0.004, 0.02),
        announced=0.35,
    ),
    Kind(
        "workshop",
        audience=(10, 130),
        minutes=(50, 110),
        arrival_s=(60, 400),
        chat=(0.05, 0.6),
        reactions=(0.01, 0.15),
        applause=(0, 2),
        lulls=(1, 6),
        bursts=(0, 4),
        hiccups=(0, 1),
        polls=0.6,
        breaks=0.55,
        segments=0.9,
        restlessness=(0.003, 0.05),
        leaving=(0.001, 0.01),
        announced=0.5,
    ),
    Kind(
        "panel",
        audience=(20, 600),
        minutes=(40, 80),
        arrival_s=(60, 300),
        chat=(0.03, 0.4),
        reactions=(0.01, 0.2),
        applause=(1, 6),
        lulls=(0, 3),
        bursts=(0, 3),
        hiccups=(0, 0.8),
        polls=0.25,
        breaks=0.03,
        segments=0.7,
        restlessness=(0.002, 0.03),
        leaving=(0.003, 0.015),
        announced=0.5,
    ),
    Kind(
        "meetup",
        audience=(8, 50),
        minutes=(40, 100),
        arrival_s=(120, 600),
        chat=(0.1, 1.2),
        reactions=(0.02, 0.4),
        applause=(0, 4),
        lulls=(1, 8),
        bursts=(1, 6),
        hiccups=(0, 1.5),
        polls=0.1,
        breaks=0.25,
        segments=0.5,
        restlessness=(0.005, 0.08),
        leaving=(0.002, 0.02),
        announced=0.5,
    ),
    Kind(
        "all_hands",
        audience=(60, 2000),
        minutes=(30, 75),
        arrival_s=(45, 240),
        chat=(0.03, 0.7),
        reactions=(0.05, 1.0),
        applause=(3, 14),
        lulls=(0, 3),
        bursts=(1, 5),
        hiccups=(0, 0.8),
        polls=0.45,
        breaks=0.0,
        segments=0.5,
        restlessness=(0.002, 0.02),
        leaving=(0.001, 0.01),
        announced=0.5,
    ),
)
KINDS_BY_KEY = {kind.key: kind for kind in KINDS}
