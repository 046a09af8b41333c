"""Measures detections against labelled sessions.

A detection is a true positive if its tick lies in a labelled anomaly, or within :data:`GRACE_TICKS`
after its end; if several anomalies qualify, it belongs to the last of them. Any other detection is
a false positive, unless its tick is excused. An anomaly is found if it has a true positive.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from sessions_app.simulation.labelled.labels import ANOMALY_TYPES, Anomaly, SessionLabels, Stretch
from sessions_app.ticks import TICK_SECONDS

GRACE_TICKS = 60 // TICK_SECONDS
QUIET = "quiet"
UNKNOWN_SESSION = "unknown session"
HOUR_TICKS = 3600 // TICK_SECONDS


class RaisedDetection(Protocol):
    """What counts of a detection: the session, the tick, and the type.

    An episode that changes its type is a further detection.
    """

    @property
    def session_id(self) -> str: ...

    @property
    def tick(self) -> int: ...

    @property
    def type(self) -> str: ...


class Delay(msgspec.Struct, frozen=True):
    """Ticks until the first true positive; None if nothing was found."""

    median: float | None
    p95: int | None


# As the reference evaluator names them in JSON.
_JSON_NAMES = {
    "true_positives": "right_alerts",
    "false_positives": "false_alerts",
    "false_positives_per_session_hour": "false_alerts_per_session_hour",
    "false_positives_by_cause": "false_alerts_by_cause",
}


class Report(msgspec.Struct, frozen=True, rename=_JSON_NAMES):
    """How good the detections are.

    Attributes:
        sessions: how many were evaluated.
        session_hours: their total length, without excused ticks.
        anomalies: how many are labelled.
        true_positives, false_positives: numbers of detections.
        recall: share of the anomalies that were found, in [0, 1].
        recall_by_type: the same by type; 0 for a type without anomalies.
        precision: share of true positives among the detections that are not excused, in [0, 1].
        false_positives_per_session_hour: >= 0.
        false_positives_by_cause: how many fell into which labelled event, most frequent first;
            ``quiet`` for none.
        delay_ticks_from_evident: from the tick at which the type's definition holds; may be
            negative.
        delay_ticks_from_evident_by_type: the same by type.
        delay_ticks_from_start: from the start of the anomaly.
        type_f1: F1 of each type, in [0, 1], by the last detection of each anomaly.
        type_macro_f1: their mean.
    """

    sessions: int
    session_hours: float
    anomalies: int
    true_positives: int
    false_positives: int
    recall: float
    recall_by_type: dict[str, float]
    precision: float
    false_positives_per_session_hour: float
    false_positives_by_cause: dict[str, int]
    delay_ticks_from_evident: Delay
    delay_ticks_from_evident_by_type: dict[str, Delay]
    delay_ticks_from_start: Delay
    type_f1: dict[str, float]
    type_macro_f1: float


class _Moment(NamedTuple):
    """A detection in a labelled session; sorts by time."""

    tick: int
    type: str


class _Case(NamedTuple):
    """A labelled anomaly with its true positives, in the order of time."""

    anomaly: Anomaly
    detections: list[_Moment]

    @property
    def final_type(self) -> str | None:
        """The type of its last detection; None if it was missed."""
        return self.detections[-1].type if self.detections else None


class _FalsePositive(NamedTuple):
    """The detected type, None in a session without labels, and the labelled event it fell into."""

    type: str | None
    cause: str


def evaluate(sessions: Sequence[SessionLabels], detections: Iterable[RaisedDetection]) -> Report:
    """Compares detections, in any order, with the labels of their sessions."""
    moments: dict[str, list[_Moment]] = defaultdict(list)
    for detection in detections:
        moments[detection.session_id].append(_Moment(detection.tick, detection.type))
    cases: list[_Case] = []
    wrong: list[_FalsePositive] = []
    for session in sessions:
        of_session, wrong_ones = _match_detections(
            session, sorted(moments.pop(session.session_id, []))
        )
        cases += of_session
        wrong += wrong_ones
    unknown = sum(map(len, moments.values()))
    wrong += [_FalsePositive(None, UNKNOWN_SESSION)] * unknown
    return _report(sessions, cases, wrong)


def _match_detections(
    session: SessionLabels, moments: list[_Moment]
) -> tuple[list[_Case], list[_FalsePositive]]:
    cases = [_Case(anomaly, []) for anomaly in session.anomalies]
    wrong = []
    for moment in moments:
        owner = next((case for case in reversed(cases) if _lies_in(moment, case.anomaly)), None)
        if owner is not None:
            owner.detections.append(moment)
        elif not _during(session.excused, min(moment.tick, session.ticks - 1)):
            during = _during(session.negatives, moment.tick)
            wrong.append(_FalsePositive(moment.type, during[0].kind if during else QUIET))
    return cases, wrong


def _lies_in(moment: _Moment, anomaly: Anomaly) -> bool:
    return anomaly.start <= moment.tick <= anomaly.end + GRACE_TICKS


def _during(stretches: list[Stretch], tick: int) -> list[Stretch]:
    return [stretch for stretch in stretches if stretch.start <= tick <= stretch.end]


def _counted_ticks(session: SessionLabels) -> int:
    excused: set[int] = set()
    for stretch in session.excused:
        excused.update(range(max(0, stretch.start), min(session.ticks, stretch.end + 1)))
    return session.ticks - len(excused)


def _report(
    sessions: Sequence[SessionLabels], cases: list[_Case], wrong: list[_FalsePositive]
) -> Report:
    hours = sum(map(_counted_ticks, sessions)) / HOUR_TICKS
    found = [case for case in cases if case.detections]
    right = sum(len(case.detections) for case in cases)
    by_type = {kind: [c for c in cases if c.anomaly.type == kind] for kind in ANOMALY_TYPES}
    f1 = {kind: _f1(kind, cases, wrong) for kind in ANOMALY_TYPES}
    return Report(
        sessions=len(sessions),
        session_hours=hours,
        anomalies=len(cases),
        true_positives=right,
        false_positives=len(wrong),
        recall=_share(len(found), len(cases)),
        recall_by_type={kind: _recall(of_type) for kind, of_type in by_type.items()},
        precision=_share(right, right + len(wrong)),
        false_positives_per_session_hour=_share(len(wrong), hours),
        false_positives_by_cause=dict(
            Counter(detection.cause for detection in wrong).most_common()
        ),
        delay_ticks_from_evident=_delay_from_evident(found),
        delay_ticks_from_evident_by_type={
            kind: _delay_from_evident([case for case in of_type if case.detections])
            for kind, of_type in by_type.items()
        },
        delay_ticks_from_start=_delay([c.detections[0].tick - c.anomaly.start for c in found]),
        type_f1=f1,
        type_macro_f1=statistics.mean(f1.values()),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _recall(cases: list[_Case]) -> float:
    return _share(sum(bool(case.detections) for case in cases), len(cases))


def _delay_from_evident(found: list[_Case]) -> Delay:
    return _delay([case.detections[0].tick - case.anomaly.evident for case in found])


def _delay(ticks: list[int]) -> Delay:
    if not ticks:
        return Delay(None, None)
    return Delay(statistics.median(ticks), sorted(ticks)[math.floor(0.95 * len(ticks))])


def _f1(kind: str, cases: list[_Case], wrong: list[_FalsePositive]) -> float:
    """F1 of a type; false positives count like anomalies that were given the wrong type."""
    real = {index for index, case in enumerate(cases) if case.anomaly.type == kind}
    taken = {index for index, case in enumerate(cases) if case.final_type == kind}
    mistakes = len(real ^ taken) + sum(detection.type == kind for detection in wrong)
    agreed = len(real & taken)
    return _share(2 * agreed, 2 * agreed + mistakes)


def format_report(report: Report) -> str:
    """The report as lines of text: totals, a table by type, and the causes of false positives."""
    lines = [
        f"{report.sessions} sessions, {report.session_hours:.1f} session-hours, "
        f"{report.anomalies} anomalies",
        "",
        f"recall           {report.recall:.3f}",
        f"precision        {report.precision:.3f}",
        f"false positives  {report.false_positives_per_session_hour:.3f} per session-hour "
        f"({report.false_positives})",
        f"delay            {_described(report.delay_ticks_from_evident)} since evident, "
        f"{_described(report.delay_ticks_from_start)} since the start",
        f"type macro F1    {report.type_macro_f1:.3f}",
        "",
        f"{'type':16} {'recall':>6} {'F1':>6}  delay since evident",
    ]
    for kind, recall in report.recall_by_type.items():
        delay = _described(report.delay_ticks_from_evident_by_type[kind])
        lines.append(f"{kind:16} {recall:6.3f} {report.type_f1[kind]:6.3f}  {delay}")
    if report.false_positives_by_cause:
        lines += ["", "false positives during"]
        lines += [f"{cause:16} {n:6}" for cause, n in report.false_positives_by_cause.items()]
    return "\n".join(lines)


def _described(delay: Delay) -> str:
    if delay.median is None:
        return "none"
    return f"{delay.median:g} ticks (95 %: {delay.p95})"
