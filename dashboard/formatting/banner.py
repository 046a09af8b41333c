"""The text of an alert's banner beside the reason, on the page and in live updates.

The reason itself is made once, by :mod:`anomalies_app.detector.explanations`, and stored.
"""

from anomalies_app.detector.explanations import fall_duration, grouped
from anomalies_app.records import SignalMove

# Labels of the signals that explain anomalies.
SIGNAL_LABELS = {
    "chat_msgs_per_min": "Chat per minute",
    "active_users": "Active users",
    "reactions_per_min": "Reactions per minute",
}


def movement(moved: SignalMove) -> str:
    """The signal that changed most: ``Active users 190 → 121 in 40 s``."""
    label = SIGNAL_LABELS.get(moved.signal, moved.signal)
    values = f"{grouped(moved.before)} \N{RIGHTWARDS ARROW} {grouped(moved.now)}"
    return f"{label} {values} {fall_duration(moved.seconds, 'min', 's')}"


def acknowledged_by(name: str | None) -> str:
    """Who acknowledged an anomaly; None if the account was deleted."""
    return f"Acknowledged by {name}" if name else "Acknowledged"
