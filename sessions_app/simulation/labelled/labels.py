"""Ground truth of simulated sessions: where anomalies were injected, and where not."""

import gzip
import zlib
from pathlib import Path

import msgspec

from sessions_app.ticks import TICK_SECONDS

# The files of simulated sessions in a folder.
SIGNALS_FILE = "signals.csv.gz"
LABELS_FILE = "labels.json.gz"
GZIP_MAGIC = b"\x1f\x8b"

SUDDEN_DROP = "SUDDEN_DROP"
GRADUAL_DECLINE = "GRADUAL_DECLINE"
MASS_EXIT = "MASS_EXIT"
LOW_ENGAGEMENT = "LOW_ENGAGEMENT"
ANOMALY_TYPES = (SUDDEN_DROP, GRADUAL_DECLINE, MASS_EXIT, LOW_ENGAGEMENT)


class LabelsError(ValueError):
    """An unusable file of labels; the message names the file and the reason."""


class Anomaly(msgspec.Struct, frozen=True, omit_defaults=True):
    """An anomaly from tick ``start`` to tick ``end``.

    Attributes:
        start, end: first and last tick of the injected anomaly, including recovery.
        type: one of :data:`ANOMALY_TYPES`.
        magnitude: share of the engagement, or of the people, lost, in (0, 1].
        evident: first tick at which the type's definition holds in expectation.
        mode: how it unfolds.
        level_before, level_after: expected engagement without polls, in [0, 1].
        onset_s: seconds from the start to the full extent.
        people: expected number of people who leave.
    """

    start: int
    end: int
    type: str
    magnitude: float
    evident: int
    mode: str = ""
    level_before: float | None = None
    level_after: float | None = None
    onset_s: float | None = None
    people: int | None = None


class Stretch(msgspec.Struct, frozen=True):
    """Something other than an anomaly, from tick ``start`` to tick ``end`` inclusive."""

    start: int
    end: int
    kind: str


class SessionLabels(msgspec.Struct, frozen=True, omit_defaults=True):
    """The ground truth of a session.

    Attributes:
        session_id: its ID.
        size: its audience, in people.
        ticks: its length.
        anomalies: what should be detected.
        negatives: what should not be detected although it looks similar.
        excused: where a detection counts as neither right nor wrong.
        kind: the kind of session.
    """

    session_id: str
    size: int
    ticks: int
    anomalies: list[Anomaly]
    negatives: list[Stretch]
    excused: list[Stretch]
    kind: str = ""


class _Labels(msgspec.Struct):
    sessions: list[SessionLabels]
    tick_seconds: int = TICK_SECONDS


def read_labels(path: Path) -> list[SessionLabels]:
    """The labels in a JSON file, gzipped or not.

    Raises:
        LabelsError: it cannot be read, or is not a file of labels.
    """
    try:
        data = path.read_bytes()
        if data.startswith(GZIP_MAGIC):
            data = gzip.decompress(data)
        labels = msgspec.json.decode(data, type=_Labels)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as error:
        raise LabelsError(f"{path}: {error}") from error
    if labels.tick_seconds != TICK_SECONDS:
        raise LabelsError(f"{path}: ticks of {labels.tick_seconds} s instead of {TICK_SECONDS}")
    return labels.sessions


def write_labels(path: Path, sessions: list[SessionLabels]) -> None:
    """Writes labels for :func:`read_labels`; gzipped if the name ends in ``.gz``."""
    data = msgspec.json.encode({"tick_seconds": TICK_SECONDS, "sessions": sessions})
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
