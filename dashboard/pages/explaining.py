"""Why a score is what it is, for the browser."""

from typing import Any

from sessions_app.scoring.score import ScoreSettings, Signals, explain

# Finer than any screen shows it.
DECIMALS = 5


def contribution_payloads(signals: Signals, settings: ScoreSettings) -> list[dict[str, Any]]:
    """The five terms of a score, each as a bar that begins where the one before it ends.

    Returns:
        For each term its ``signal``, the ``raw`` value (per minute, or a ratio), the ``weight``
        (negative for the leave rate), the ``value`` that it adds, and the lower end of its bar as
        ``start``; all but the raw value in units of the score.
    """
    total = 0.0
    payloads = []
    for part in explain(signals, settings):
        value = float(part.value)
        payload = {
            "raw": float(part.raw),
            "weight": float(part.weight),
            "value": value,
            "start": min(total, total + value),
        }
        rounded = {name: round(number, DECIMALS) for name, number in payload.items()}
        payloads.append({"signal": part.signal, **rounded})
        total += value
    return payloads
