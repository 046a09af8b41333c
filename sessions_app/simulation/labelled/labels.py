"""What is known about simulated sessions: where something was made to go wrong, and where not."""

import gzip
import zlib
from pathlib import Path

import msgspec

from sessions_app.ticks import TICK_SECONDS

# How simulated sessions are laid down in a folder.
SIGNALS_FILE = "signals.csv.gz"
LABELS_FILE = "labels.json.gz"
GZIP_MAGIC = b"\x1f\x8b"

SUDDEN_DROP = "SUDDEN_DROP"
GRADUAL_DECLINE = "GRADUAL_DECLINE"
MASS_EXIT = "MASS_EXIT"
LOW_ENGAGEMENT = "LOW_ENGAGEMENT"
ANOMALY_TYPES = (SUDDEN_DROP, GRADUAL_DECLINE, MASS_EXIT, LOW_ENGAGEMENT)


class LabelsError(ValueError):
    """A file of labels that cannot be used; the message names the file and the reason."""


class Anomaly(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that goes wrong from tick ``start`` to tick ``end``.

    Attributes:
        start, end: first and last tick of what was injected, recovery included.
        type: one of :data:`ANOMALY_TYPES`.
        magnitude: share of the engagement, or of the people, that is lost, in (0, 1].
        evident: first tick on which the type's definition holds, chance left aside.
        mode: how it happens.
        level_before, level_after: engagement without polls, chance left aside, in [0, 1].
        onset_s: seconds from the start to the full extent.
        people: how many are expected to leave.
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
    """What else goes on from tick ``start`` to tick ``end``, both included."""

    start: int
    end: int
    kind: str


class SessionLabels(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that is known about a session.

    Attributes:
        session_id: its ID.
        size: its audience.
        ticks: its length.
        anomalies: what should be noticed.
        negatives: what should not be, though it looks similar.
        excused: where noticing anything is neither right nor wrong.
        kind: what kind of session it is.
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
        LabelsError: it cannot be read, or is no such file.
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
    """Writes labels that :func:`read_labels` reads; gzipped if the name ends in ``.gz``."""
    data = msgspec.json.encode({"tick_seconds": TICK_SECONDS, "sessions": sessions})
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
