"""``python -m benchmarks.inputs.altered_rooms FOLDER ...``: the detector on altered sessions.

The signals of labelled sessions (signals.csv.gz, labels.json.gz) are altered before the detector
sees them: rooms of another size, with more or less chat, or with inexact presence. The detector is
not recalibrated. Prints a table.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from anomalies_app.detector.calibration import BUILT_IN, Calibration
from anomalies_app.evaluation.offline import detect_recorded
from anomalies_app.evaluation.report import evaluate
from benchmarks.detection.study_tables import table
from sessions_app.recordings.signal_recording import RecordedSignals, read_signals
from sessions_app.simulation.labelled.labels import LABELS_FILE, SIGNALS_FILE, read_labels

SEED = 5
PEOPLE = ("active_users", "total_users")
ACTIVITY = ("chat_msgs_per_min", "reactions_per_min")


def scaled(signals: RecordedSignals, factor: float, *names: str) -> RecordedSignals:
    """Multiplies some signals by a factor, and rounds them to whole numbers."""
    columns = {name: np.round(getattr(signals, name) * factor) for name in names}
    return signals._replace(**columns)


def blurred(signals: RecordedSignals, share: float) -> RecordedSignals:
    """Adds normal noise to active users; ``share`` is its relative standard deviation."""
    noise = np.random.default_rng(SEED).normal(0, share, len(signals.tick))
    found = np.round(signals.active_users * (1 + noise))
    return signals._replace(active_users=np.clip(found, 0, signals.total_users))


ALTERATIONS: dict[str, Callable[[RecordedSignals], RecordedSignals]] = {
    "nothing": lambda signals: signals,
    "three of ten people": lambda signals: scaled(signals, 0.3, *PEOPLE, *ACTIVITY),
    "everything five times": lambda signals: scaled(signals, 5, *PEOPLE, *ACTIVITY),
    "chat x 0.3": lambda signals: scaled(signals, 0.3, "chat_msgs_per_min"),
    "chat x 3": lambda signals: scaled(signals, 3, "chat_msgs_per_min"),
    "no reactions": lambda signals: scaled(signals, 0, "reactions_per_min"),
    "no chat": lambda signals: scaled(signals, 0, "chat_msgs_per_min"),
    "1 % of noise": lambda signals: blurred(signals, 0.01),
    "3 % of noise": lambda signals: blurred(signals, 0.03),
}


def main(folders: list[Path]) -> int:
    """Prints the table; returns the exit code."""
    if not folders:
        print(__doc__, file=sys.stderr)
        return 2
    calibration = Calibration.read(BUILT_IN)
    sets = {
        folder.name: (read_signals(folder / SIGNALS_FILE), read_labels(folder / LABELS_FILE))
        for folder in folders
    }
    rows = []
    for name, alter in tqdm(ALTERATIONS.items()):
        reports = {
            on: evaluate(labels, detect_recorded(alter(signals), calibration))
            for on, (signals, labels) in sets.items()
        }
        rows.append((name, reports))
    print(table("Rooms that were changed", rows))
    return 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))
