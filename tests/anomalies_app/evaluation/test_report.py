"""The scorer: cases computed by hand, and agreement with the reference where it is present."""

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

from anomalies_app.evaluation.report import Delay, evaluate, format_report
from sessions_app.simulation.labelled.labels import (
    ANOMALY_TYPES,
    Anomaly,
    SessionLabels,
    Stretch,
    read_labels,
    write_labels,
)

REFERENCE = Path(
    os.environ.get(
        "REFERENCE_EVALUATOR",
        Path(settings.BASE_DIR).parent / "shared" / "evaluation" / "evaluate.py",
    )
)


class Detection(NamedTuple):
    session_id: str
    tick: int
    type: str
    severity: str = "WARNING"


def anomaly(start: int, end: int, kind: str = "MASS_EXIT", evident: int | None = None) -> Anomaly:
    return Anomaly(start, end, kind, 0.4, start + 2 if evident is None else evident)


def session(*anomalies: Anomaly, session_id: str = "a", **options) -> SessionLabels:
    options = {"negatives": [], "excused": [], "ticks": 720, **options}
    return SessionLabels(session_id, 100, anomalies=list(anomalies), **options)


def test_an_detection_is_right_from_the_start_until_a_minute_after_the_end():
    labels = [session(anomaly(100, 120))]
    for tick, right in [(99, False), (100, True), (120, True), (132, True), (133, False)]:
        report = evaluate(labels, [Detection("a", tick, "MASS_EXIT")])
        assert (report.recall, report.precision) == ((1, 1) if right else (0, 0))
        assert report.false_positives == (not right)


def test_nothing_raised_is_nothing_found():
    report = evaluate([session(anomaly(100, 120))], [])
    assert (report.recall, report.precision, report.type_macro_f1) == (0, 0, 0)
    assert report.delay_ticks_from_evident == Delay(None, None)
    assert "none since evident" in format_report(report)


def test_no_sessions_are_no_error():
    assert evaluate([], []).false_positives_per_session_hour == 0


def test_delays_count_from_the_first_detection_of_each_anomaly():
    labels = [session(anomaly(100, 120), anomaly(300, 320), anomaly(500, 520))]
    detections = [Detection("a", tick, "MASS_EXIT") for tick in (510, 107, 105, 301)]
    report = evaluate(labels, detections)
    assert report.delay_ticks_from_evident == Delay(3, 8)
    assert report.delay_ticks_from_start == Delay(5, 10)
    assert report.delay_ticks_from_evident_by_type["MASS_EXIT"] == Delay(3, 8)
    assert report.delay_ticks_from_evident_by_type["SUDDEN_DROP"] == Delay(None, None)


def test_of_two_anomalies_the_later_has_the_detection():
    labels = [session(anomaly(100, 120), anomaly(125, 140))]
    assert evaluate(labels, [Detection("a", 128, "MASS_EXIT")]).delay_ticks_from_start == Delay(
        3, 3
    )


def test_false_positives_are_counted_per_hour_that_is_not_excused():
    labels = [session(ticks=900, excused=[Stretch(720, 899, "closing"), Stretch(800, 950, "x")])]
    detections = [Detection("a", tick, "MASS_EXIT") for tick in (10, 720, 899, 5000)]
    report = evaluate(labels, detections)
    assert report.session_hours == 1
    assert report.false_positives_per_session_hour == 1
    assert report.false_positives == 1


def test_false_positives_have_a_cause():
    labels = [session(negatives=[Stretch(100, 120, "applause"), Stretch(110, 130, "poll")])]
    detections = [Detection("a", tick, "MASS_EXIT") for tick in (100, 115, 125, 131, 99)]
    report = evaluate(labels, [*detections, Detection("other", 5, "MASS_EXIT")])
    assert report.false_positives_by_cause == {
        "applause": 2,
        "quiet": 2,
        "poll": 1,
        "unknown session": 1,
    }
    assert report.false_positives_per_session_hour == 6


def test_an_event_causes_what_is_detected_until_its_last_tick() -> None:
    labels = [session(negatives=[Stretch(100, 120, "poll")])]
    for tick, cause in [(99, "quiet"), (100, "poll"), (120, "poll"), (121, "quiet")]:
        report = evaluate(labels, [Detection("a", tick, "MASS_EXIT")])
        assert report.false_positives_by_cause == {cause: 1}


@pytest.mark.parametrize(("first", "excused"), [(719, True), (720, False)])
def test_what_is_detected_after_a_session_counts_as_in_its_last_tick(
    first: int, excused: bool
) -> None:
    labels = [session(excused=[Stretch(first, 800, "closing")])]
    for tick in (720, 5000):
        report = evaluate(labels, [Detection("a", tick, "MASS_EXIT")])
        assert report.false_positives == (not excused)


def test_excused_ticks_include_the_first_and_the_last_of_their_stretch() -> None:
    labels = [session(ticks=740, excused=[Stretch(-5, 9, "opening"), Stretch(100, 109, "break")])]
    assert evaluate(labels, []).session_hours == 1


def test_all_sessions_are_added_up() -> None:
    labels = [
        session(anomaly(100, 120), anomaly(300, 320), ticks=360),
        session(anomaly(100, 120, "SUDDEN_DROP"), session_id="b"),
        session(session_id="c", ticks=360),
    ]
    ticks = {"a": (104, 500), "b": (101, 103, 600), "c": (7,)}
    detections = [
        Detection(session_id, tick, "SUDDEN_DROP")
        for session_id in ticks
        for tick in ticks[session_id]
    ]
    report = evaluate(labels, detections)
    assert (report.sessions, report.session_hours, report.anomalies) == (3, 2, 3)
    assert (report.true_positives, report.false_positives) == (3, 3)
    assert report.false_positives_per_session_hour == 1.5
    assert (report.recall, report.precision) == (pytest.approx(2 / 3), 0.5)
    assert report.recall_by_type == {
        "SUDDEN_DROP": 1,
        "GRADUAL_DECLINE": 0,
        "MASS_EXIT": 0.5,
        "LOW_ENGAGEMENT": 0,
    }


@pytest.mark.parametrize(("found", "p95"), [(1, 0), (19, 18), (20, 19), (21, 19), (40, 38)])
def test_one_delay_in_twenty_may_be_longer_than_the_95th_percentile(found: int, p95: int) -> None:
    starts = [100 * number for number in range(found)]
    labels = [session(*(anomaly(start, start + 50, evident=start) for start in starts))]
    detections = [
        Detection("a", start + delay, "MASS_EXIT") for delay, start in enumerate(reversed(starts))
    ]
    assert evaluate(labels, detections).delay_ticks_from_evident == Delay((found - 1) / 2, p95)


def test_the_last_detection_of_an_anomaly_decides_its_type():
    labels = [session(anomaly(100, 120, "LOW_ENGAGEMENT"), anomaly(300, 320, "MASS_EXIT"))]
    escalated = [Detection("a", 104, "SUDDEN_DROP"), Detection("a", 108, "LOW_ENGAGEMENT")]
    report = evaluate(labels, [*escalated, Detection("a", 302, "SUDDEN_DROP")])
    assert report.precision == 1
    assert report.type_f1 == {
        "SUDDEN_DROP": 0,
        "GRADUAL_DECLINE": 0,
        "MASS_EXIT": 0,
        "LOW_ENGAGEMENT": 1,
    }
    assert report.type_macro_f1 == 0.25
    report = evaluate(labels, [*escalated, Detection("a", 200, "LOW_ENGAGEMENT")])
    assert report.type_f1["LOW_ENGAGEMENT"] == pytest.approx(2 / 3)


def test_the_report_in_words() -> None:
    labels = [
        session(anomaly(100, 120), anomaly(300, 320), negatives=[Stretch(200, 210, "poll")]),
        session(anomaly(100, 120, "SUDDEN_DROP"), session_id="b"),
    ]
    detections = [
        Detection("a", 104, "MASS_EXIT"),
        Detection("a", 205, "SUDDEN_DROP"),
        Detection("b", 101, "SUDDEN_DROP"),
        Detection("b", 110, "SUDDEN_DROP"),
    ]
    report = evaluate(labels, detections)
    assert format_report(report).splitlines() == [
        "2 sessions, 2.0 session-hours, 3 anomalies",
        "",
        "recall           0.667",
        "precision        0.750",
        "false positives  0.500 per session-hour (1)",
        "delay            0.5 ticks (95 %: 2) since evident, 2.5 ticks (95 %: 4) since the start",
        "type macro F1    0.333",
        "",
        "type             recall     F1  delay since evident",
        "SUDDEN_DROP       1.000  0.667  -1 ticks (95 %: -1)",
        "GRADUAL_DECLINE   0.000  0.000  none",
        "MASS_EXIT         0.500  0.667  2 ticks (95 %: 2)",
        "LOW_ENGAGEMENT    0.000  0.000  none",
        "",
        "false positives during",
        "poll                  1",
    ]
    report = evaluate(labels, detections[:1])
    assert format_report(report).splitlines()[-1] == "LOW_ENGAGEMENT    0.000  0.000  none"


def random_session(number: int, source: random.Random) -> SessionLabels:
    ticks = source.randint(200, 900)

    def stretches(count: int, longest: int, kinds: list[str]) -> list[Stretch]:
        starts = [source.randrange(ticks) for _ in range(count)]
        return [
            Stretch(start, min(ticks - 1, start + source.randint(0, longest)), source.choice(kinds))
            for start in starts
        ]

    anomalies = [
        anomaly(part.start, part.end, part.kind, min(part.end, part.start + source.randint(0, 9)))
        for part in stretches(source.randint(0, 4), 60, list(ANOMALY_TYPES))
    ]
    return session(
        *anomalies,
        session_id=f"s{number}",
        ticks=ticks,
        negatives=stretches(source.randint(0, 9), 40, ["poll", "applause", "lull"]),
        excused=stretches(source.randint(0, 2), 80, ["break", "closing"]),
    )


def random_detections(labels: list[SessionLabels], source: random.Random) -> list[Detection]:
    ids = [each.session_id for each in labels] + ["unknown"]
    detections = [
        Detection(source.choice(ids), source.randrange(1000), source.choice(ANOMALY_TYPES))
        for _ in range(source.randint(0, 400))
    ]
    hits = [
        Detection(each.session_id, part.start + source.randint(0, 70), source.choice(ANOMALY_TYPES))
        for each in labels
        for part in each.anomalies
        if source.random() < 0.6
    ]
    return [*detections, *hits]


@pytest.mark.parametrize("seed", range(8))
def test_figures_equal_those_of_the_reference(tmp_path, seed):
    if not REFERENCE.is_file():
        pytest.skip(f"NOT RUN: no reference evaluator at {REFERENCE}")
    source = random.Random(seed)
    labels = [random_session(number, source) for number in range(20)]
    detections = random_detections(labels, source)
    labels_path, detections_path = tmp_path / "labels.json.gz", tmp_path / "detections.jsonl"
    write_labels(labels_path, labels)
    detections_path.write_text(
        "".join(json.dumps(detection._asdict()) + "\n" for detection in detections)
    )
    command = [sys.executable, REFERENCE, labels_path, detections_path, "--json"]
    expected = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    report = evaluate(read_labels(labels_path), detections)
    assert gzip.decompress(labels_path.read_bytes()).startswith(b'{"tick_seconds":5')
    assert report.sessions == expected["sessions"]
    assert round(report.session_hours, 1) == expected["session_hours"]
    assert report.anomalies == expected["anomalies"]
    assert round(report.recall, 3) == expected["recall"]
    recalls = {kind: round(recall, 3) for kind, recall in report.recall_by_type.items()}
    assert recalls == expected["recall_by_type"]
    assert round(report.precision, 3) == expected["precision"]
    rate = round(report.false_positives_per_session_hour, 3)
    assert rate == expected["false_alerts_per_session_hour"]
    causes = dict(report.false_positives_by_cause)
    causes.pop("unknown session", None)
    assert causes == expected["false_alerts_by_cause"]
    for name in ("delay_ticks_from_evident", "delay_ticks_from_start"):
        delay = getattr(report, name)
        assert {"median": delay.median, "p95": delay.p95} == expected[name]
    assert round(report.type_macro_f1, 3) == expected["type_macro_f1"]
