"""How good alerts are, measured against sessions of which it is known what is wrong with them.

An alert is right if its tick lies in an anomaly, or within :data:`GRACE_TICKS` after its end; of
several such anomalies, the last in the list has it. Any other alert is false, unless its tick is
excused. An anomaly is found if an alert is right for it.
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


class RaisedAlert(Protocol):
    """What is looked at of an alert: the session, the tick at which it was raised, and the type.

    When an alert becomes one of another type, that is a further alert.
    """

    @property
    def session_id(self) -> str: ...

    @property
    def tick(self) -> int: ...

    @property
    def type(self) -> str: ...


class Delay(msgspec.Struct, frozen=True):
    """Ticks until the first right alert; None where nothing was found."""

    median: float | None
    p95: int | None


class Report(msgspec.Struct, frozen=True):
    """How good the alerts are.

    Attributes:
        sessions: how many were looked at.
        session_hours: their length without what is excused.
        anomalies: how many there are.
        right_alerts, false_alerts: how many alerts are right, and how many are false.
        recall: share of the anomalies that were found, in [0, 1].
        recall_by_type: the same for each type; 0 where there is no anomaly.
        precision: share of the alerts, excused ones left aside, that are right.
        false_alerts_per_session_hour: >= 0.
        false_alerts_by_cause: how many were raised during what, most frequent first; ``quiet``
            where nothing special went on.
        delay_ticks_from_evident: counted from where the type's definition holds; may be negative.
        delay_ticks_from_evident_by_type: the same for each type.
        delay_ticks_from_start: counted from the start of the anomaly.
        type_f1: F1 of each type, in [0, 1], by the last alert of each anomaly.
        type_macro_f1: their mean.
    """

    sessions: int
    session_hours: float
    anomalies: int
    right_alerts: int
    false_alerts: int
    recall: float
    recall_by_type: dict[str, float]
    precision: float
    false_alerts_per_session_hour: float
    false_alerts_by_cause: dict[str, int]
    delay_ticks_from_evident: Delay
    delay_ticks_from_evident_by_type: dict[str, Delay]
    delay_ticks_from_start: Delay
    type_f1: dict[str, float]
    type_macro_f1: float


class _Moment(NamedTuple):
    """An alert of a known session; they sort by time."""

    tick: int
    type: str


class _Case(NamedTuple):
    """An anomaly and the alerts that are right for it, in the order of time."""

    anomaly: Anomaly
    alerts: list[_Moment]

    @property
    def final_type(self) -> str | None:
        """What the anomaly was taken for in the end; None if it was missed."""
        return self.alerts[-1].type if self.alerts else None


class _FalseAlert(NamedTuple):
    """The type that was raised; None in a session that is not labelled. And during what it was."""

    type: str | None
    cause: str


def evaluate(sessions: Sequence[SessionLabels], alerts: Iterable[RaisedAlert]) -> Report:
    """Compares alerts, in any order, with the labels of the sessions they come from."""
    moments: dict[str, list[_Moment]] = defaultdict(list)
    for alert in alerts:
        moments[alert.session_id].append(_Moment(alert.tick, alert.type))
    cases: list[_Case] = []
    wrong: list[_FalseAlert] = []
    for session in sessions:
        of_session, wrong_ones = _match_alerts(session, sorted(moments.pop(session.session_id, [])))
        cases += of_session
        wrong += wrong_ones
    unknown = sum(map(len, moments.values()))
    wrong += [_FalseAlert(None, UNKNOWN_SESSION)] * unknown
    return _report(sessions, cases, wrong)


def _match_alerts(
    session: SessionLabels, moments: list[_Moment]
) -> tuple[list[_Case], list[_FalseAlert]]:
    cases = [_Case(anomaly, []) for anomaly in session.anomalies]
    wrong = []
    for moment in moments:
        owner = next((case for case in reversed(cases) if _lies_in(moment, case.anomaly)), None)
        if owner is not None:
            owner.alerts.append(moment)
        elif not _during(session.excused, min(moment.tick, session.ticks - 1)):
            during = _during(session.negatives, moment.tick)
            wrong.append(_FalseAlert(moment.type, during[0].kind if during else QUIET))
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
    sessions: Sequence[SessionLabels], cases: list[_Case], wrong: list[_FalseAlert]
) -> Report:
    hours = sum(map(_counted_ticks, sessions)) / HOUR_TICKS
    found = [case for case in cases if case.alerts]
    right = sum(len(case.alerts) for case in cases)
    by_type = {kind: [c for c in cases if c.anomaly.type == kind] for kind in ANOMALY_TYPES}
    f1 = {kind: _f1(kind, cases, wrong) for kind in ANOMALY_TYPES}
    return Report(
        sessions=len(sessions),
        session_hours=hours,
        anomalies=len(cases),
        right_alerts=right,
        false_alerts=len(wrong),
        recall=_share(len(found), len(cases)),
        recall_by_type={kind: _recall(of_type) for kind, of_type in by_type.items()},
        precision=_share(right, right + len(wrong)),
        false_alerts_per_session_hour=_share(len(wrong), hours),
        false_alerts_by_cause=dict(Counter(alert.cause for alert in wrong).most_common()),
        delay_ticks_from_evident=_delay_from_evident(found),
        delay_ticks_from_evident_by_type={
            kind: _delay_from_evident([case for case in of_type if case.alerts])
            for kind, of_type in by_type.items()
        },
        delay_ticks_from_start=_delay([c.alerts[0].tick - c.anomaly.start for c in found]),
        type_f1=f1,
        type_macro_f1=statistics.mean(f1.values()),
    )


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _recall(cases: list[_Case]) -> float:
    return _share(sum(bool(case.alerts) for case in cases), len(cases))


def _delay_from_evident(found: list[_Case]) -> Delay:
    return _delay([case.alerts[0].tick - case.anomaly.evident for case in found])


def _delay(ticks: list[int]) -> Delay:
    if not ticks:
        return Delay(None, None)
    place = min(len(ticks) - 1, math.floor(0.95 * len(ticks)))
    return Delay(statistics.median(ticks), sorted(ticks)[place])


def _f1(kind: str, cases: list[_Case], wrong: list[_FalseAlert]) -> float:
    """False alerts count as much as anomalies that were taken for this type, or not for it."""
    real = {index for index, case in enumerate(cases) if case.anomaly.type == kind}
    taken = {index for index, case in enumerate(cases) if case.final_type == kind}
    mistakes = len(real ^ taken) + sum(alert.type == kind for alert in wrong)
    agreed = len(real & taken)
    return _share(2 * agreed, 2 * agreed + mistakes)


def format_report(report: Report) -> str:
    """The report as lines of text: a few figures, a table of the types, and what misled it."""
    lines = [
        f"{report.sessions} sessions, {report.session_hours:.1f} session-hours, "
        f"{report.anomalies} anomalies",
        "",
        f"recall           {report.recall:.3f}",
        f"precision        {report.precision:.3f}",
        f"false alerts     {report.false_alerts_per_session_hour:.3f} per session-hour "
        f"({report.false_alerts})",
        f"delay            {_described(report.delay_ticks_from_evident)} since evident, "
        f"{_described(report.delay_ticks_from_start)} since the start",
        f"type macro F1    {report.type_macro_f1:.3f}",
        "",
        f"{'type':16} {'recall':>6} {'F1':>6}  delay since evident",
    ]
    for kind, recall in report.recall_by_type.items():
        delay = _described(report.delay_ticks_from_evident_by_type[kind])
        lines.append(f"{kind:16} {recall:6.3f} {report.type_f1[kind]:6.3f}  {delay}")
    if report.false_alerts_by_cause:
        lines += ["", "false alerts during"]
        lines += [f"{cause:16} {n:6}" for cause, n in report.false_alerts_by_cause.items()]
    return "\n".join(lines)


def _described(delay: Delay) -> str:
    if delay.median is None or delay.p95 is None:
        return "none"
    return f"{delay.median:g} ticks (95 %: {delay.p95})"
