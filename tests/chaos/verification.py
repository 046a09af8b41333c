"""``python -m tests.chaos.verification``: verifies what the product stored on the given servers.

Compares the database with the streams, which contain everything the platform has posted: every row
with the oracle's, and the anomalies with those of an undisturbed run of the detector. Prints JSON.

``--totals-only`` compares only totals and looks for missing ticks: after a clock is set back,
events count in a later tick than that of their entry. ``--victims PREFIX`` ignores sessions that
were damaged on purpose, and ``--bad-payloads N`` is the expected number of dead letters.
"""

import argparse
import json
import os
import sys
from typing import Any

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
TOLERANCE = 1e-9
SHOWN = 5
SETTLED_SECONDS = 90.0


class Report(msgspec.Struct):
    """The result of the comparison.

    Attributes:
        events: entries in the streams.
        sessions, rows: numbers in the database.
        missing, extra, wrong: rows that are missing, unexpected, or different.
        anomalies: recorded anomalies and changes of their type.
        anomalies_missing, anomalies_extra: compared with an undisturbed run.
        dead_letters: difference to the expected number of dead letters.
        examples: the first few differences.
    """

    events: int = 0
    sessions: int = 0
    rows: int = 0
    missing: int = 0
    extra: int = 0
    wrong: int = 0
    anomalies: int = 0
    anomalies_missing: int = 0
    anomalies_extra: int = 0
    dead_letters: int = 0
    examples: list[str] = []

    @property
    def is_exact(self) -> bool:
        return not (
            self.missing
            or self.extra
            or self.wrong
            or self.anomalies_missing
            or self.anomalies_extra
            or self.dead_letters
        )

    def summary(self) -> str:
        """The report in a few lines."""
        lines = [
            f"{self.events:,} events in {self.sessions} sessions: {self.rows:,} rows, of which "
            f"{self.missing} missing, {self.extra} unexpected, {self.wrong} wrong.",
            f"{self.anomalies} anomalies: {self.anomalies_missing} missing, "
            f"{self.anomalies_extra} unexpected. {self.dead_letters} unexplained dead letters.",
            *self.examples,
        ]
        return "\n".join(lines)


def main() -> int:
    """Waits until the last ended tick is scored; prints the report."""
    django.setup()
    options = _read_options()
    report = Report()
    client = _client()
    # The platform keeps posting, but the events of earlier ticks are complete.
    last = wait_until_scored(client)
    log = read_log(client, last, options.victims)
    if options.totals_only:
        compare_totals(report, log, last)
    else:
        compare_rows(report, log, last, options.victims)
    compare_anomalies(report, last, options.victims)
    report.dead_letters = abs(_count_dead_letters(client) - options.bad_payloads)
    print(msgspec.json.encode(report).decode())
    return 0


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.verification")
    parser.add_argument("--totals-only", action="store_true")
    parser.add_argument("--victims", default="")
    parser.add_argument("--bad-payloads", type=int, default=0)
    return parser.parse_args()


def _client() -> Any:
    from sessions_app.redis_access.client import connect

    return connect(socket_timeout=60)


def _count_dead_letters(client: Any) -> int:
    from sessions_app.redis_access import keys

    return int(client.xlen(keys.DEAD_LETTERS))


def _is_hurt(session_id: str, victims: str) -> bool:
    """Whether the session was damaged on purpose."""
    return bool(victims) and session_id.startswith(victims)


def read_log(client: Any, last: int, victims: str) -> list[tuple[int, str, dict[str, Any]]]:
    """All entries of the streams up to a tick, in order of arrival."""
    from sessions_app.redis_access import keys
    from sessions_app.ticks import tick_at

    log = []
    for channel in keys.CHANNELS:
        for entry_id, fields in client.xrange(channel):
            milliseconds, _, number = entry_id.partition(b"-")
            if tick_at(int(milliseconds)) > last:
                continue
            payload = _payload(fields[b"data"], victims)
            if payload is not None and not _is_hurt(str(payload.get("sessionId")), victims):
                log.append((int(milliseconds), int(number), channel, payload))
    log.sort(key=lambda entry: entry[:2])
    return [(milliseconds, channel, payload) for milliseconds, _, channel, payload in log]


def _payload(data: bytes, victims: str) -> dict[str, Any] | None:
    """A payload; None if it is malformed on purpose."""
    try:
        payload: dict[str, Any] = json.loads(data)
    except ValueError:
        if not victims:
            raise
        return None
    return payload


def wait_until_scored(client: Any) -> int:
    """Waits until the last ended tick is scored and stored; returns it."""
    from sessions_app.redis_access.client import server_time_ms
    from sessions_app.ticks import tick_at
    from tests.chaos.stack_run import wait_for
    from tests.e2e.driving.stack_process import scored_tick

    last = tick_at(server_time_ms(client)) - 1
    # Rows are stored after the state is committed, and before the next tick is scored.
    wait_for(lambda: scored_tick(client) > last, "the next tick is scored", SETTLED_SECONDS)
    return last


def compare_rows(
    report: Report, log: list[tuple[int, str, dict[str, Any]]], last: int, victims: str
) -> None:
    """Compares each stored row up to a tick with the oracle's."""
    from sessions_app.models import EngagementMetric
    from sessions_app.ticks import tick_end, tick_ending
    from tests.oracle import Row, expected_rows

    expected = expected_rows(log, last)
    stored = {}
    metrics = EngagementMetric.objects.select_related("session").filter(time__lte=tick_end(last))
    for metric in metrics.iterator():
        if _is_hurt(metric.session.external_id, victims):
            continue
        place = metric.session.external_id, tick_ending(metric.time)
        stored[place] = Row(*(getattr(metric, name) for name in Row._fields))
    report.events, report.rows = len(log), len(stored)
    report.sessions = len({session for session, _ in stored})
    for place in sorted(expected.keys() - stored.keys()):
        report.missing += 1
        _show(report, f"no row for {place}")
    for place in sorted(stored.keys() - expected.keys()):
        report.extra += 1
        _show(report, f"an unexpected row for {place}")
    for place in sorted(expected.keys() & stored.keys()):
        differences = {
            name: (found, right)
            for name, found, right in zip(Row._fields, stored[place], expected[place], strict=True)
            if abs(found - right) > TOLERANCE
        }
        if differences:
            report.wrong += 1
            _show(report, f"{place}: (stored, expected) is {differences}")


def compare_totals(report: Report, log: list[tuple[int, str, dict[str, Any]]], last: int) -> None:
    """Compares total messages and reactions of each session; its ticks must be consecutive."""
    from django.db.models import Count, Max, Min, Sum

    from sessions_app.models import EngagementMetric
    from sessions_app.ticks import tick_end, tick_ending
    from tests.oracle import expected_rows

    expected: dict[str, list[int]] = {}
    for (session, _), row in expected_rows(log, last).items():
        totals = expected.setdefault(session, [0, 0])
        totals[0] += row.chat_count
        totals[1] += row.reaction_count
    stored = (
        EngagementMetric.objects.filter(time__lte=tick_end(last))
        .values("session__external_id")
        .annotate(
            chat=Sum("chat_count"),
            reactions=Sum("reaction_count"),
            rows=Count("*"),
            first=Min("time"),
            last=Max("time"),
        )
    )
    report.events, report.sessions = len(log), len(stored)
    for session in stored:
        report.rows += session["rows"]
        ticks = tick_ending(session["last"]) - tick_ending(session["first"]) + 1
        report.missing += ticks - session["rows"]
        found = [session["chat"], session["reactions"]]
        right = expected[session["session__external_id"]]
        if found != right:
            report.wrong += 1
            _show(report, f"{session['session__external_id']}: {found} instead of {right}")


def compare_anomalies(report: Report, last: int, victims: str) -> None:
    """Compares recorded anomalies with those of an undisturbed run on the stored rows."""
    recorded = [place for place in _recorded_anomalies(last) if not _is_hurt(place[0], victims)]
    undisturbed = {p for p in _undisturbed_anomalies(last) if not _is_hurt(p[0], victims)}
    report.anomalies = len(recorded)
    for place in sorted(undisturbed - set(recorded)):
        report.anomalies_missing += 1
        _show(report, f"no anomaly {place}")
    report.anomalies_extra = len(recorded) - len(set(recorded) & undisturbed)
    for place in sorted(set(recorded) - undisturbed):
        _show(report, f"an unexpected anomaly: {place}")


def _recorded_anomalies(last: int) -> list[tuple[str, int, str]]:
    from datetime import datetime

    from anomalies_app.models import Anomaly
    from sessions_app.ticks import tick_ending

    found = []
    for anomaly in Anomaly.objects.select_related("session"):
        kind = ""
        for change in anomaly.metadata["changes"]:
            tick = tick_ending(datetime.fromisoformat(change["time"]))
            if change["type"] != kind and tick <= last:
                kind = change["type"]
                found.append((anomaly.session.external_id, tick, kind))
    return found


def _undisturbed_anomalies(last: int) -> set[tuple[str, int, str]]:
    from django.conf import settings

    from anomalies_app.evaluation.offline import detect_recorded
    from anomalies_app.shards.calibration_files import load_calibration
    from sessions_app.recordings.stored_signals import StoredSignals

    calibration = load_calibration(settings.DETECTOR_CALIBRATION)
    return {
        (alert.session_id, alert.tick, alert.type)
        for portion in StoredSignals().portions()
        for alert in detect_recorded(portion.recorded, calibration)
        if alert.tick <= last
    }


def _show(report: Report, line: str) -> None:
    if len(report.examples) < SHOWN:
        report.examples.append(line)


if __name__ == "__main__":
    sys.exit(main())
