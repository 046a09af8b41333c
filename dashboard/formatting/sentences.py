"""Sentences about an anomaly that pages and what they are told later have in common."""

from anomalies_app.detector.explanations import fall_duration, grouped
from anomalies_app.records import SignalMove

# The signals that anomalies are told by.
SIGNAL_LABELS = {
    "chat_msgs_per_min": "Chat per minute",
    "active_users": "Active users",
    "reactions_per_min": "Reactions per minute",
}


def movement(moved: SignalMove) -> str:
    """Which signal has moved most, from what to what: ``Active users 190 → 121 in 40 s``."""
    label = SIGNAL_LABELS.get(moved.signal, moved.signal)
    values = f"{grouped(moved.before)} \N{RIGHTWARDS ARROW} {grouped(moved.now)}"
    return f"{label} {values} {fall_duration(moved.seconds, 'min', 's')}"


def acknowledged_by(name: str | None) -> str:
    """Who has seen an anomaly; None is somebody whose account was deleted."""
    return f"Acknowledged by {name}" if name else "Acknowledged"
