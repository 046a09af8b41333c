"""A sparkline of the score around an anomaly, as SVG without inline styles."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 120, 32
# The curve is interrupted where more than this is missing.
LONGEST_GAP = timedelta(seconds=12)


def score_picture(
    points: Sequence[tuple[datetime, float]], raised: datetime, around: timedelta
) -> SafeString:
    """The scores as a curve, with a line at the time of the anomaly; empty without points.

    Args:
        points: times and scores in [0, 1], oldest first.
        raised: when the anomaly was raised, in the middle of the picture.
        around: how much time the picture shows before and after it.
    """
    if not points:
        return SafeString("")
    path, before = [], None
    for time, score in points:
        x = WIDTH * ((time - raised) / (2 * around) + 0.5)
        draws = before is not None and time - before <= LONGEST_GAP
        path.append(f"{'L' if draws else 'M'}{x:.1f} {HEIGHT * (1 - score):.1f}")
        before = time
    lowest = min(score for _, score in points)
    highest = max(score for _, score in points)
    return format_html(
        '<svg class="course" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" aria-label="Score between {lowest} and {highest} % around the anomaly">'
        '<path class="course-raised" d="M{middle} 0V{height}"/>'
        '<path class="course-score" d="{path}"/></svg>',
        width=WIDTH,
        height=HEIGHT,
        lowest=round(100 * lowest),
        highest=round(100 * highest),
        middle=WIDTH // 2,
        path="".join(path),
    )
