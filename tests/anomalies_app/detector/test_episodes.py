"""When an episode begins, how it escalates, and when it is over."""

import numpy as np
import pytest

from anomalies_app.detector.episodes import (
    Kind,
    Level,
    advance_episodes,
    drop_kinds,
    is_building_up,
)
from anomalies_app.detector.features import Features
from anomalies_app.detector.state import DetectorState
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import Signals
from tests.anomalies_app.detector.test_detector import EXIT, GONE, QUIET, kinds, raised
from tests.anomalies_app.rooms import Stretch, room


def test_engagement_is_low_once_a_silence_has_lasted() -> None:
    fallen, after = Stretch(30, 130, 3, over=3), Stretch(60, 130, 3)
    shortly = raised(room(QUIET, fallen, Stretch(14, 130, 0), after))
    lastingly = raised(room(QUIET, fallen, Stretch(40, 130, 0), after))
    assert kinds(shortly) == ["SUDDEN_DROP"]
    assert kinds(lastingly) == ["SUDDEN_DROP", "LOW_ENGAGEMENT"]


def test_an_episode_ends_when_people_return() -> None:
    (detection,) = raised(room(QUIET, EXIT, Stretch(60, 200, 40)))
    assert detection.ended_tick is not None
    assert 92 < detection.ended_tick < 110


def test_what_has_lasted_is_the_new_normal_and_can_fall_again() -> None:
    again = [Stretch(12, 30, 8, 0.6), Stretch(20, 30, 6)]
    detections = raised(room(QUIET, EXIT, Stretch(100, 80, 16), *again))
    assert kinds(detections)[:1] == ["MASS_EXIT"]
    assert next(detection.type for detection in detections if detection.tick > 180) == "MASS_EXIT"


def test_a_muted_type_is_not_raised() -> None:
    muted = {"mute_mass_exit": True, "mute_sudden_drop": True, "mute_gradual_decline": True}
    recorded = room(QUIET, EXIT, GONE)
    assert "MASS_EXIT" not in kinds(raised(recorded, mute_mass_exit=True))
    assert raised(recorded, **muted, mute_low_engagement=True) == []


def test_nothing_is_raised_in_the_first_two_minutes() -> None:
    assert raised(room(Stretch(15, 200, 40), Stretch(8, 60, 5, 0.7))) == []


NOW = 1_000
COLUMNS = 1


class Hall:
    """One session whose features a test chooses, and what happened to its episodes.

    A hundred people are there as a rule, each giving 0.4 of vitality in all, with little noise:
    0.01 of presence and 0.025 of vitality.
    """

    def __init__(self, **values: float) -> None:
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
        changes = advance_episodes(
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

    wishes = DetectionSettings()

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


def test_nothing_happens_in_a_quiet_room() -> None:
    hall = Hall()
    assert [hall.tick() for _ in range(50)] == [""] * 50


def test_a_mass_exit_has_to_last_three_ticks() -> None:
    hall = Hall()
    assert [hall.tick(**LEAVING) for _ in range(4)] == ["", "", "began MASS_EXIT CRITICAL", ""]
    interrupted = Hall()
    assert [interrupted.tick(**(LEAVING if on else {})) for on in (1, 1, 0, 1, 1)] == [""] * 5


@pytest.mark.parametrize(
    ("loss", "ticks"), [(0.08, 3), (0.359, 3), (0.361, 2), (0.479, 2), (0.481, 1)]
)
def test_the_more_leave_the_sooner_it_is_believed(loss: float, ticks: int) -> None:
    hall = Hall()
    said = [hall.tick(**{**LEAVING, "net_loss": loss}) for _ in range(ticks)]
    assert said == [*[""] * (ticks - 1), "began MASS_EXIT CRITICAL"]


@pytest.mark.parametrize(
    "short",
    [{"leave_rate": 0.149}, {"net_loss": 0.079}, {"presence": 97.5}, {"presence_minute_ago": 99.5}],
)
def test_whatever_a_mass_exit_lacks_it_is_none(short: dict[str, float]) -> None:
    hall = Hall()
    assert [hall.tick(**{**LEAVING, **short}) for _ in range(6)] == [""] * 6


def test_people_who_come_back_meanwhile_make_no_exit() -> None:
    hall = Hall()
    hall.state.fill("presence", np.ones(1, np.bool_), np.float32([90]))
    assert [hall.tick(**LEAVING) for _ in range(6)] == [""] * 6


def test_a_fall_is_raised_at_once() -> None:
    assert Hall().tick(**FALLING).startswith("began ")


@pytest.mark.parametrize(
    "short",
    [
        {"vitality_fall": 0.149},
        {"presence_fall": 0.0999},
        {"presence": 97.5},
        {"leave_rate": 0.1},
        {"score": 0.5999},
    ],
)
def test_whatever_a_fall_lacks_it_is_none(short: dict[str, float]) -> None:
    hall = Hall()
    assert [hall.tick(**{**FALLING, **short}) for _ in range(6)] == [""] * 6


def test_a_silence_has_to_last_a_minute() -> None:
    # A quarter of vitality, and a deviation of 0.025 more.
    hall = Hall()
    assert [hall.tick(vitality_fall=0.276) for _ in range(12)][10:] == [
        "",
        "began SUDDEN_DROP CRITICAL",
    ]
    assert [Hall().tick(vitality_fall=0.274) for _ in range(30)] == [""] * 30
    # Where ten messages a minute are usual, twenty are missing after two.
    slow = Hall(chat_level=10)
    said = [slow.tick(vitality_fall=0.276) for _ in range(24)]
    assert [number for number, each in enumerate(said, start=1) if each] == [24]


@pytest.mark.parametrize(("age", "begins"), [(23, False), (24, True)])
def test_a_session_is_two_minutes_old_before_anything_is_said(age: int, begins: bool) -> None:
    assert bool(Hall(age=age).tick(**FALLING)) is begins


@pytest.mark.parametrize(
    ("score", "said"), [(0.59, ""), (0.60, "WARNING"), (0.79, "WARNING"), (0.80, "CRITICAL")]
)
def test_severity_holds_its_lower_bound(score: float, said: str) -> None:
    # A little more than in float32, whose 0.6 is larger and whose 0.8 is larger, too.
    assert Hall().tick(**FALLING, score=score).rpartition(" ")[2] == said


def test_an_episode_escalates_once() -> None:
    hall = Hall.with_episode()
    said = [hall.tick(**FALLING, score=score) for score in (0.7, 0.8, 0.9, 0.6)]
    assert said == ["", "escalated SUDDEN_DROP CRITICAL", "", ""]


def test_a_fall_that_stays_low_becomes_low_engagement() -> None:
    hall = Hall.with_episode(vitality_variance=0.01)
    # A deviation of 0.1: the score is half of one below its threshold of 0.2.
    said = [hall.tick(**FALLING, score=0.7, now=0.15) for _ in range(49)]
    assert [number for number, each in enumerate(said, start=1) if each] == [49]
    assert said[-1] == "escalated LOW_ENGAGEMENT WARNING"
    unwanted = Hall.with_episode(vitality_variance=0.01)
    unwanted.wishes = DetectionSettings(mute_low_engagement=True)
    assert [unwanted.tick(**FALLING, score=0.7, now=0.15) for _ in range(60)] == [""] * 60


def test_a_single_silent_tick_weighs_no_more_than_one_and_a_half() -> None:
    hall = Hall.with_episode(Kind.GRADUAL_DECLINE)
    said = [hall.tick(**FALLING, score=0.7, now=0.0) for _ in range(16)]
    assert [number for number, each in enumerate(said, start=1) if each] == [16]


def test_it_is_over_after_six_calm_ticks() -> None:
    hall = Hall.with_episode()
    assert [hall.tick(score=0.7) for _ in range(7)] == [*[""] * 5, "ended SUDDEN_DROP", ""]


@pytest.mark.parametrize(
    ("falls", "is_calm"),
    [
        ({"vitality_fall": 0.099}, True),
        ({"vitality_fall": 0.101}, False),
        ({"presence_fall": 0.0699}, True),
        ({"presence_fall": 0.0701}, False),
    ],
)
def test_calm_is_little_below_what_is_usual(falls: dict[str, float], is_calm: bool) -> None:
    hall = Hall.with_episode()
    said = [hall.tick(**falls) for _ in range(12)]
    assert ("ended SUDDEN_DROP" in said) is is_calm


def test_a_tick_of_trouble_begins_the_calm_anew() -> None:
    hall = Hall.with_episode()
    falls = (0, 0, 0, 0, 0, 0.2, 0, 0, 0, 0, 0, 0)
    said = [hall.tick(score=0.7, vitality_fall=fall) for fall in falls]
    assert said == [*[""] * 11, "ended SUDDEN_DROP"]


@pytest.mark.parametrize(
    ("kind", "longest"), [(Kind.SUDDEN_DROP, 180), (Kind.LOW_ENGAGEMENT, 180), (Kind.MASS_EXIT, 36)]
)
def test_what_has_lasted_is_how_it_is_now(kind: Kind, longest: int) -> None:
    young = Hall.with_episode(kind, ago=longest - 1)
    assert young.tick(**FALLING, score=0.7) == ""
    assert young.tick(**FALLING, score=0.7) == f"ended {kind.name}"
    # From now on 97 people are the level, and not 100.
    assert young.state["presence_level"].tolist() == [97]
    assert young.tick() == ""


def test_what_has_recovered_keeps_its_level() -> None:
    hall = Hall.with_episode(ago=174)
    said = [hall.tick(presence=97.0) for _ in range(7)]
    assert "ended SUDDEN_DROP" in said
    assert hall.state["presence_level"].tolist() == [100]


def test_a_break_ends_it_and_nothing_begins_for_two_minutes_after() -> None:
    hall = Hall.with_episode()
    assert hall.tick(**FALLING, is_muted=True) == "ended SUDDEN_DROP"
    said = [hall.tick(**FALLING) for _ in range(24)]
    assert [number for number, each in enumerate(said, start=1) if each] == [24]


def test_what_an_episode_left_behind_raises_no_other() -> None:
    hall = Hall.with_episode(exit_run=9, fast_run=9, slow_run=9, chat_run=99)
    assert [hall.tick() for _ in range(6)][-1] == "ended SUDDEN_DROP"
    assert [hall.tick() for _ in range(6)] == [""] * 6
    assert not is_building_up(hall.state).any()


def test_a_run_fits_into_its_byte_however_long_it_is() -> None:
    hall = Hall()
    hall.wishes = DetectionSettings(mute_mass_exit=True)
    for _ in range(300):
        assert hall.tick(**{**LEAVING, "net_loss": 0.6}) == ""
    assert hall.state["exit_run"][0] >= 3


@pytest.mark.parametrize("kind", ["sudden_drop", "mass_exit"])
def test_a_kind_that_is_not_wanted_is_not_raised(kind: str) -> None:
    hall = Hall()
    hall.wishes = DetectionSettings(**{f"mute_{kind}": True})
    falls = FALLING if kind == "sudden_drop" else LEAVING
    assert [hall.tick(**falls) for _ in range(5)] == [""] * 5


def test_sensitivity_moves_the_thresholds() -> None:
    hall = Hall()
    hall.wishes = DetectionSettings(sensitivity=4.0)  # half of everything
    assert hall.tick(vitality_fall=0.0751, presence_fall=0.0501, presence=97.0).startswith("began")
    other = Hall()
    other.wishes = DetectionSettings(sensitivity=0.25)
    assert [other.tick(**FALLING) for _ in range(5)] == [""] * 5


@pytest.mark.parametrize(("ticks", "kind"), [(6, Kind.SUDDEN_DROP), (7, Kind.GRADUAL_DECLINE)])
def test_how_long_it_took_tells_a_drop_from_a_decline(ticks: int, kind: Kind) -> None:
    hall = Hall()
    half_way = ticks - 1  # between less than 30 % of its depth and more than 80 %
    for presence in [100] * 30 + [80] * half_way + [60] * 20:
        hall.state.tick += 1
        hall.state.remember("presence", hall.state.tick, np.float32([presence]))
    features = Features(*(np.float32([20.0]) for _ in Features._fields))
    assert drop_kinds(hall.state, features, np.array([0])).tolist() == [kind]
