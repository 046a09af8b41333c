"""Sessions with features as a test wants them, to see what becomes of their episodes."""

from typing import NamedTuple

import numpy as np

from anomalies_app.detector.episodes import Kind, Level, advance_episodes
from anomalies_app.detector.features import Features
from anomalies_app.detector.state import HISTORY_TICKS, DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import Signals

NOW = 1_000
COLUMNS = 1


class Hall:
    """One session whose features a test chooses, and what happened to its episodes.

    A hundred people are there as a rule, each giving 0.4 of vitality in all, with little noise:
    0.01 of presence and 0.025 of vitality.
    """

    def __init__(self, wishes: DetectionSettings | None = None, **values: float) -> None:
        self.wishes = wishes or DetectionSettings()
        self.state = DetectorState.fresh(NOW, np.arange(COLUMNS))
        known = {
            "age": 100,
            "presence_level": 100,
            "presence_dispersion": 0.01,
            "vitality_level": 0.4,
            "vitality_variance": 0.0001,
            "chat_level": 40,
        }
        for name, value in {**known, **values}.items():
            self.state[name] = np.full(COLUMNS, value)
        for name, value in (("presence", 100), ("vitality", 0.4), ("score", 0.6)):
            self.state.fill(name, np.ones(COLUMNS, np.bool_), np.full(COLUMNS, value))

    def tick(
        self,
        score: float = 0.9,
        leave_rate: float = 0.0,
        is_muted: bool = False,
        now: float = 0.6,
        **falls: float,
    ) -> str:
        """Advances by a tick with these falls; says what happened, and to what kind."""
        quiet = dict.fromkeys(Features._fields, 0.0)
        quiet |= {"presence": 100.0, "vitality": 0.4, "presence_minute_ago": 100.0}
        features = Features(*(np.float32([{**quiet, **falls}[name]]) for name in Features._fields))
        self.state.tick += 1
        self.state.remember("score", self.state.tick, np.float32([now]))
        rates = [0.0] * (len(Signals._fields) - 1)
        self.changes = changes = advance_episodes(
            self.state,
            features,
            Signals(*map(np.float32, [[rate] for rate in rates]), np.float32([leave_rate])),
            np.float32([score]),
            np.array([is_muted]),
            self.wishes,
        )
        self.state["age"] += 1
        if len(changes.ended):
            return f"ended {Kind(changes.ended_kinds[0]).name}"
        kind, level = int(self.state["episode"][0]), int(self.state["severity"][0])
        said = f"{Kind(kind).name} {Level(level).name}" if kind else ""
        if len(changes.began):
            return f"began {said}"
        return f"escalated {said}" if len(changes.escalated) else ""

    @classmethod
    def with_episode(cls, kind: Kind = Kind.SUDDEN_DROP, ago: int = 10, **values: float) -> "Hall":
        """One whose episode was raised so many ticks before the next one."""
        return cls(
            episode=kind, severity=Level.WARNING, raised_at=NOW + 1 - ago, quiet_for=0, **values
        )


# Just enough to be a mass exit, if it lasts.
LEAVING = {"leave_rate": 0.15, "net_loss": 0.08, "presence": 97.0}
# Just enough to be a fall: 0.6 of a quarter of vitality, and 5 % and five deviations of presence.
FALLING = {"vitality_fall": 0.1501, "presence_fall": 0.1001, "presence": 97.0}


class Crowd(NamedTuple):
    """Sessions in the midst of all kinds of things."""

    state: DetectorState
    settings: DetectionSettings

    @classmethod
    def of(cls, random: np.random.Generator, count: int) -> "Crowd":
        state = DetectorState.fresh(NOW, np.arange(count))
        ranges = {
            "age": (20, 200),
            "presence_level": (1, 120),
            "presence_dispersion": (0.01, 0.4),
            "vitality_level": (0.01, 0.5),
            "vitality_variance": (0.0002, 0.01),
            "chat_level": (0, 50),
            "low_score_sum": (0, 40),  # no more than 24 after a tick
            "quiet_for": (0, 2),
            "episode": (0, 5),
            "severity": (1, 3),
            "raised_at": (NOW - 200, NOW),
        }
        for name, (low, high) in ranges.items():
            state[name] = random.uniform(low, high, count)
        state["episode"] *= random.random(count) < 0.5
        for ring in state.rings.values():
            ring[...] = random.uniform(0, 1, ring.shape)
        # Half of them have become fewer slowly.
        ages = (NOW - np.arange(HISTORY_TICKS)) % HISTORY_TICKS
        state.rings["presence"][:, ::2] = np.minimum(0.2 + ages / 20, 1)[:, None]
        state.rings["presence"] *= state["presence_level"]
        thresholds = {
            "sudden_drop_threshold": (0.1, 0.4),
            "mass_exit_threshold": (0.05, 0.3),
            "low_engagement_threshold": (0.1, 0.5),
            "warning_threshold": (0.3, 0.6),
            "critical_threshold": (0.6, 0.9),
            "sensitivity": (0.5, 2),
        }
        return cls(
            state,
            DetectionSettings(
                **{name: random.uniform(*ends, count) for name, ends in thresholds.items()},
                **{f"mute_{kind.name.lower()}": random.random(count) < 0.2 for kind in Kind},
            ),
        )


def some_features(random: np.random.Generator, level: np.ndarray) -> Features:
    shares = {name: random.uniform(-0.2, 0.6, len(level)) for name in Features._fields}
    shares["presence_deviations"] *= 20
    for name, most in (("presence", 1.1), ("presence_minute_ago", 1.4)):
        shares[name] = level * random.uniform(0.2, most, len(level))
    # Some sessions are calm, and their episodes end.
    calm = random.random(len(level)) < 0.6
    for name in ("presence_fall", "vitality_fall"):
        shares[name][calm] = 0
    return Features(*(shares[name].astype(np.float32) for name in Features._fields))


def alone(state: DetectorState, row: int) -> DetectorState:
    """A copy of one session's state."""
    return DetectorState.from_bytes(state.part(slice(row, row + 1)).to_bytes())
