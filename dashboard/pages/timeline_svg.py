"""The timeline of a session as a static SVG, for printing and for browsers without scripts."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from dashboard.formatting.presentation import GAP_STEPS

# In SVG user units; scores go from 0 at the bottom to 1 at the top.
WIDTH, HEIGHT = 1000, 240


class Band(NamedTuple):
    """The band of an anomaly: starts at ``x``, is ``width`` wide."""

    x: float
    width: float
    severity: str


class TimelinePicture(NamedTuple):
    """Paths and positions in a box of :data:`WIDTH` by :data:`HEIGHT`.

    Attributes:
        curve: SVG path of the scores, interrupted at gaps.
        area: SVG path of the area below the curve.
        bands: one per anomaly.
        polls: x of first votes and closings of polls.
        attention, low: y of the two lines in the legend; None if there is no such line.
    """

    curve: str
    area: str
    bands: list[Band]
    polls: list[float]
    attention: float | None
    low: float | None


def timeline_picture(timeline: dict[str, Any]) -> TimelinePicture | None:
    """The picture of a report's timeline; None without points."""
    if not timeline["points"]:
        return None
    start, end, step = timeline["start"], timeline["end"], timeline["step"]
    length = max(1, end - start)

    def x_of(time: float) -> float:
        return round(WIDTH * (min(max(time, start), end) - start) / length, 1)

    curves, areas = [], []
    for run in _runs(timeline["points"], step):
        vertices = [f"{x_of(time)} {_y_of(score)}" for time, score in run]
        curves.append(f"M{'L'.join(vertices)}")
        first, last = x_of(run[0][0]), x_of(run[-1][0])
        areas.append(f"M{first} {HEIGHT}L{'L'.join(vertices)}L{last} {HEIGHT}Z")
    bands = [
        Band(x_of(began), max(2.0, x_of(ended) - x_of(began)), severity)
        for began, ended, severity in _intervals(timeline["anomalies"], end)
    ]
    polls = [x_of(moment["time"]) for moment in timeline["polls"]]
    lines = [_y_of(timeline["lines"][name]) for name in ("attention", "alert")]
    return TimelinePicture("".join(curves), "".join(areas), bands, polls, *lines)


def _y_of(score: float | None) -> float | None:
    return None if score is None else round(HEIGHT * (1 - score), 1)


def _runs(points: Iterable[dict[str, Any]], step: float) -> list[list[tuple[float, float]]]:
    """Times and scores, split at gaps."""
    runs: list[list[tuple[float, float]]] = []
    for point in points:
        vertex = (point["time"], point["score"])
        if runs and point["time"] - runs[-1][-1][0] <= step * GAP_STEPS:
            runs[-1].append(vertex)
        else:
            runs.append([vertex])
    return runs


def _intervals(
    anomalies: Iterable[dict[str, Any]], end: float
) -> Iterable[tuple[float, float, str]]:
    for anomaly in anomalies:
        ended = end if anomaly["ended"] is None else anomaly["ended"]
        yield anomaly["began"], ended, anomaly["severity"]
