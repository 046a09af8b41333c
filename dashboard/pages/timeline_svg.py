"""The timeline of a session as a still picture, for paper and for readers without scripts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from dashboard.formatting.presentation import GAP_STEPS

# Of the picture's own coordinates; scores go from 0 at the bottom to 1 at the top.
WIDTH, HEIGHT = 1000, 240


class Band(NamedTuple):
    """Where an anomaly lies: from ``x`` on, ``width`` wide."""

    x: float
    width: float
    severity: str


class TimelinePicture(NamedTuple):
    """Paths and places in a box of :data:`WIDTH` by :data:`HEIGHT`.

    Attributes:
        curve: SVG path of the scores, with a gap in every hole.
        area: SVG path of what lies below.
        bands: of anomalies.
        polls: where something happened to a poll.
        attention, low: how high the two lines of the legend lie; None where there is none.
    """

    curve: str
    area: str
    bands: list[Band]
    polls: list[float]
    attention: float | None
    low: float | None


def timeline_picture(timeline: dict[str, Any]) -> TimelinePicture | None:
    """The picture of the timeline of a session's report; None without points."""
    if not timeline["points"]:
        return None
    start, end, step = timeline["start"], timeline["end"], timeline["step"]
    length = max(1, end - start)

    def place(time: float) -> float:
        return round(WIDTH * (min(max(time, start), end) - start) / length, 1)

    curves, areas = [], []
    for run in _runs(timeline["points"], step):
        spots = [f"{place(time)} {_height(score)}" for time, score in run]
        curves.append(f"M{'L'.join(spots)}")
        first, last = place(run[0][0]), place(run[-1][0])
        areas.append(f"M{first} {HEIGHT}L{'L'.join(spots)}L{last} {HEIGHT}Z")
    bands = [
        Band(place(began), max(2.0, place(ended) - place(began)), severity)
        for began, ended, severity in _stretches(timeline["anomalies"], end)
    ]
    polls = [place(moment["time"]) for moment in timeline["polls"]]
    lines = [_height(timeline["lines"][name]) for name in ("attention", "alert")]
    return TimelinePicture("".join(curves), "".join(areas), bands, polls, *lines)


def _height(score: float | None) -> float | None:
    return None if score is None else round(HEIGHT * (1 - score), 1)


def _runs(points: Iterable[dict[str, Any]], step: float) -> list[list[tuple[float, float]]]:
    """Times and scores, from hole to hole."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        spot = (point["time"], point["score"])
        if runs and point["time"] - runs[-1][-1][0] <= step * GAP_STEPS:
            runs[-1].append(spot)
        else:
            runs.append([spot])
    return runs


def _stretches(
    anomalies: Iterable[dict[str, Any]], end: float
) -> Iterable[tuple[float, float, str]]:
    for anomaly in anomalies:
        ended = end if anomaly["ended"] is None else anomaly["ended"]
        yield anomaly["began"], ended, anomaly["severity"]
