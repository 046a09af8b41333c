"""When an episode begins, how it escalates, and when it is over."""

import pytest

from anomalies_app.detector.episodes import Kind, is_building_up
from sessions_app.scoring.detection_settings import DetectionSettings
from tests.anomalies_app.detector.hall import FALLING, LEAVING, Hall
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


def test_nothing_happens_in_a_quiet_room() -> None:
    hall = Hall()
    assert [hall.tick() for _ in range(50)] == [""] * 50


@pytest.mark.parametrize(("age", "begins"), [(23, False), (24, True)])
def test_a_session_is_two_minutes_old_before_anything_is_said(age: int, begins: bool) -> None:
    assert bool(Hall(age=age).tick(**FALLING)) is begins


@pytest.mark.parametrize(
    ("score", "said"), [(0.59, ""), (0.60, "WARNING"), (0.79, "WARNING"), (0.80, "CRITICAL")]
)
def test_severity_holds_its_lower_bound(score: float, said: str) -> None:
    # A little more than in float32, whose 0.6 is larger and whose 0.8 is larger, too.
    assert Hall().tick(**FALLING, score=score).rpartition(" ")[2] == said


def test_thresholds_of_scores_are_reached_by_what_equals_them() -> None:
    wishes = DetectionSettings(warning_threshold=0.5, critical_threshold=0.75)
    assert Hall(wishes).tick(**FALLING, score=0.5).endswith("WARNING")
    assert Hall(wishes).tick(**FALLING, score=0.75).endswith("CRITICAL")


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


def test_what_begins_while_engagement_has_long_been_low_is_low_engagement() -> None:
    low = Hall()
    assert [low.tick(now=0.0) for _ in range(16)] == [""] * 16
    assert low.tick(**FALLING, now=0.0) == "began LOW_ENGAGEMENT CRITICAL"
    deserted = Hall()
    assert [deserted.tick(now=0.0) for _ in range(16)] == [""] * 16
    said = [deserted.tick(**LEAVING, now=0.0) for _ in range(3)]
    assert said == ["", "", "began MASS_EXIT CRITICAL"]


def test_a_break_forgets_how_low_engagement_was() -> None:
    hall = Hall(vitality_variance=0.01)
    assert [hall.tick(now=0.15) for _ in range(60)] == [""] * 60
    assert hall.tick(now=0.15, is_muted=True) == ""
    # Half a deviation a tick, as above; nothing begins in the first two minutes.
    said = [hall.tick(**FALLING, score=0.7, now=0.15) for _ in range(49)]
    assert [(number, each) for number, each in enumerate(said, start=1) if each] == [
        (24, "began SUDDEN_DROP WARNING"),
        (49, "escalated LOW_ENGAGEMENT WARNING"),
    ]


def test_a_single_silent_tick_weighs_no_more_than_one_and_a_half() -> None:
    hall = Hall.with_episode(Kind.GRADUAL_DECLINE)
    said = [hall.tick(**FALLING, score=0.7, now=0.0) for _ in range(16)]
    assert [number for number, each in enumerate(said, start=1) if each] == [16]


def test_it_is_over_after_six_calm_ticks() -> None:
    hall = Hall.with_episode()
    assert [hall.tick(score=0.7) for _ in range(7)] == [*[""] * 5, "ended SUDDEN_DROP", ""]


def test_what_is_over_does_not_escalate() -> None:
    hall = Hall.with_episode(calm_run=5)
    assert hall.tick(score=0.9) == "ended SUDDEN_DROP"
    assert hall.changes.escalated.tolist() == []


@pytest.mark.parametrize(
    ("falls", "is_calm"),
    [
        ({"vitality_fall": 0.099}, True),
        ({"vitality_fall": 0.101}, False),
        ({"presence_fall": 0.0699}, True),
        ({"presence_fall": 0.0701}, False),
        ({"vitality_fall": 0.1}, False),
        ({"presence_fall": 0.06}, True),
    ],
)
def test_calm_is_little_below_what_is_usual(falls: dict[str, float], is_calm: bool) -> None:
    hall = Hall.with_episode()
    said = [hall.tick(**falls) for _ in range(12)]
    assert ("ended SUDDEN_DROP" in said) is is_calm


def test_noise_makes_a_fall_calm_and_more_so_among_few() -> None:
    quiet = Hall.with_episode(presence_dispersion=0)
    assert [quiet.tick(presence_fall=0.06, score=0.7) for _ in range(6)] == [""] * 6
    # A deviation of 0.1 of a single person.
    few = Hall.with_episode(Kind.MASS_EXIT, presence_level=1)
    assert [few.tick(presence_fall=0.159, score=0.7) for _ in range(6)][5] == "ended MASS_EXIT"


def test_calm_is_counted_from_the_beginning_of_the_episode() -> None:
    hall = Hall(calm_run=5)
    assert hall.tick(**FALLING, score=0.7).startswith("began ")
    assert [hall.tick(score=0.7) for _ in range(6)] == [*[""] * 5, "ended SUDDEN_DROP"]


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
    hall = Hall.with_episode(exit_run=9, calm_run=5, presence_slow=0.2, vitality_slow=0.2)
    assert hall.tick(**LEAVING) == "ended SUDDEN_DROP"
    assert not is_building_up(hall.state).any()
    assert hall.state.group("slow_falls").tolist() == [[0], [0]]
    assert [hall.tick(**LEAVING) for _ in range(3)] == ["", "", "began MASS_EXIT CRITICAL"]


def test_a_run_fits_into_its_byte_however_long_it_is() -> None:
    hall = Hall(DetectionSettings(mute_mass_exit=True))
    for _ in range(300):
        assert hall.tick(**{**LEAVING, "net_loss": 0.6}) == ""
        assert hall.state["exit_run"][0] >= 3


@pytest.mark.parametrize("kind", ["sudden_drop", "mass_exit"])
def test_a_kind_that_is_not_wanted_is_not_raised(kind: str) -> None:
    hall = Hall(DetectionSettings(**{f"mute_{kind}": True}))
    falls = FALLING if kind == "sudden_drop" else LEAVING
    assert [hall.tick(**falls) for _ in range(5)] == [""] * 5
