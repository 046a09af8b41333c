"""SVG plots of single cases: people, chat and score around an anomaly, and its detections."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from anomalies_app.evaluation.offline import Detection
from sessions_app.simulation.labelled.labels import Anomaly
from sessions_app.ticks import TICK_SECONDS

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 760, 84, 60, 28, 76, 26
MARKER_ROW = 12
MINUTE_TICKS = 60 // TICK_SECONDS
COLOURS = ("#1f6feb", "#8250df", "#1a7f37")


@dataclass(frozen=True)
class Case:
    """A case to plot.

    Attributes:
        title: one line of text.
        first: tick of the first values.
        lines: values of each panel, by its name.
        anomaly: the injected anomaly.
        detections: what the detector raised during it.
    """

    title: str
    first: int
    lines: dict[str, Sequence[float]]
    anomaly: Anomaly
    detections: Sequence[Detection]


def as_svg(case: Case) -> str:
    """The plot as the text of an SVG file."""
    count = len(next(iter(case.lines.values())))
    height = TOP + len(case.lines) * (PANEL + GAP) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="bold">{escape(case.title)}</text>',
        f'<text x="{LEFT}" y="36" fill="#555">{escape(_sentence(case))}</text>',
        _band(case, count, height),
    ]
    for number, (name, values) in enumerate(case.lines.items()):
        top = TOP + number * (PANEL + GAP)
        parts += _panel(name, values, top, COLOURS[number % len(COLOURS)])
    for number, detection in enumerate(case.detections):
        parts.append(_marker(detection, number, case, count, height))
    parts.append(_axis(count, height))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _x(index: float, count: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * index / max(1, count - 1)


def _sentence(case: Case) -> str:
    if not case.detections:
        return "nothing was raised"
    return "; ".join(f"“{detection.reason}”" for detection in case.detections[:1])


def _band(case: Case, count: int, height: int) -> str:
    start = _x(max(0, case.anomaly.start - case.first), count)
    end = _x(min(count - 1, case.anomaly.end - case.first), count)
    return (
        f'<rect x="{start:.1f}" y="{TOP}" width="{end - start:.1f}" height="{height - TOP - 24}" '
        'fill="#fff1c2"/>'
    )


def _panel(name: str, values: Sequence[float], top: int, colour: str) -> list[str]:
    data = np.asarray(values, np.float64)
    largest = max(float(data.max()), 1e-9)
    points = " ".join(
        f"{_x(index, len(data)):.1f},{top + PANEL - PANEL * value / largest:.1f}"
        for index, value in enumerate(data.tolist())
    )
    return [
        f'<line x1="{LEFT}" y1="{top + PANEL}" x2="{WIDTH - RIGHT}" y2="{top + PANEL}" '
        'stroke="#ccc"/>',
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        f'<text x="{LEFT}" y="{top - 5}" fill="{colour}">{escape(name)}</text>',
        f'<text x="{LEFT - 6}" y="{top + 10}" text-anchor="end" fill="#555">'
        f"{_number(largest)}</text>",
        f'<text x="{LEFT - 6}" y="{top + PANEL}" text-anchor="end" fill="#555">0</text>',
    ]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2f}"


def _marker(detection: Detection, number: int, case: Case, count: int, height: int) -> str:
    x = _x(detection.tick - case.first, count)
    # Labels of detections close to each other must not overlap.
    y = TOP - GAP + (number % 2) * MARKER_ROW
    return (
        f'<line x1="{x:.1f}" y1="{y - 8}" x2="{x:.1f}" y2="{height - 24}" stroke="#cf222e" '
        f'stroke-width="1.5"/><text x="{x + 4:.1f}" y="{y + 2}" fill="#cf222e">'
        f"{escape(detection.type)}</text>"
    )


def _axis(count: int, height: int) -> str:
    marks = range(0, count, 2 * MINUTE_TICKS)
    return "".join(
        f'<text x="{_x(mark, count):.1f}" y="{height - 8}" text-anchor="middle" fill="#555">'
        f"{mark // MINUTE_TICKS} min</text>"
        for mark in marks
    )
