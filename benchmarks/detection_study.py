"""``python -m benchmarks.detection_study [FOLDER ...]``: the tables and plots of docs/detection.md.

Measures the detector, other detectors and variants of it on simulated sessions, and on the labelled
sessions of each FOLDER (signals.csv.gz, labels.json.gz). Takes about ten minutes on two processors.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

# Two processes side by side, each on one processor.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from anomalies_app import detector, episodes, evidence
from anomalies_app.calibrating import fit_calibration
from anomalies_app.calibration import BUILT_IN, Calibration
from anomalies_app.detector_state import FEATURE_COUNT
from anomalies_app.evaluation import GRACE_TICKS, Report, evaluate
from anomalies_app.evidence import Evidence
from anomalies_app.offline import Alert, Run, detect_recorded
from benchmarks.literal_formula import detect_literally
from benchmarks.study_plots import Case, as_svg
from sessions_app.recorded_signals import RecordedSignals, read_signals
from sessions_app.scoring import ScoreSettings, score
from sessions_app.simulation.labelled import recorded, simulate_session
from sessions_app.simulation.labels import (
    LABELS_FILE,
    SIGNALS_FILE,
    Anomaly,
    SessionLabels,
    read_labels,
)

RESULTS = Path(__file__).parent / "results" / "detection_study"
# Other sessions than the built-in calibration is made of.
MEASURED_SEED, MEASURED_SESSIONS = 2027, 200
FITTED_SEED, FITTED_SESSIONS = 1001, 300
RANDOM_DRAWS = 24
SHARE = 0.2
FEATURES = ("presence", "vitality", "chat", "net loss", "slide", "slow vitality")
# Nothing is judged before.
FIRST_TICKS = 24
AROUND_TICKS = 72


class Labelled(NamedTuple):
    signals: RecordedSignals
    labels: list[SessionLabels]


class Variant(NamedTuple):
    """A detector that differs from ours.

    Attributes:
        constants: values of module attributes, by (module, name).
        dropped: a feature that is always 0, if any.
        forest_share: of the forest in the combination.
        fits: sessions that it is calibrated on, by name; None: the built-in calibration.
    """

    constants: tuple[tuple[str, str, float], ...] = ()
    dropped: int | None = None
    forest_share: float = detector.FOREST_SHARE
    fits: str | None = None


MODULES = {"evidence": evidence, "episodes": episodes}
# Filled before the processes fork.
sets: dict[str, Labelled] = {}
past: dict[str, RecordedSignals] = {}


def main(arguments: list[str]) -> int:
    """Measures, writes tables.md and the plots; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--history", type=Path, help="Signals of more past sessions, no labels.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    _load(options.folders, options.history)
    options.output.mkdir(parents=True, exist_ok=True)
    sections = [f"Measured {datetime.now(UTC):%Y-%m-%d} on {', '.join(sets)}."]
    with ProcessPoolExecutor(options.processes, get_context("fork")) as pool:
        for section in (_methods, _calibrations, _features, _constants):
            sections.append(section(pool.map))
            # What has been measured is not lost if the rest fails.
            (options.output / "tables.md").write_text("\n\n".join(sections) + "\n")
    sections.append(_quiet_shares())
    (options.output / "tables.md").write_text("\n\n".join(sections) + "\n")
    for name, case in _cases():
        (options.output / f"{name}.svg").write_text(as_svg(case))
    print(f"Written to {options.output}.")
    return 0


def _load(folders: list[Path], history: Path | None) -> None:
    for folder in folders:
        signals = read_signals(folder / SIGNALS_FILE)
        sets[folder.name] = Labelled(signals, read_labels(folder / LABELS_FILE))
        past[folder.name] = signals
    simulated = [
        simulate_session(MEASURED_SEED, number)
        for number in tqdm(range(MEASURED_SESSIONS), "simulating")
    ]
    labels = [session.labels for session in simulated]
    sets["simulated"] = Labelled(recorded(simulated)[0], labels)
    fitted = [
        simulate_session(FITTED_SEED, number)
        for number in tqdm(range(FITTED_SESSIONS), "simulating")
    ]
    past["simulated"] = recorded(fitted)[0]
    if history is not None:
        past["history"] = read_signals(history)


@contextmanager
def _changed(variant: Variant) -> Iterator[None]:
    """The detector with the constants and features of a variant."""
    features = Evidence.features

    def without(self: Evidence) -> list[np.ndarray]:
        columns = features(self)
        if variant.dropped is not None:
            columns[variant.dropped] = np.zeros_like(columns[variant.dropped])
        return columns

    with (
        patch.multiple(detector, FOREST_SHARE=variant.forest_share),
        patch.multiple(detector, DEVIATION_SHARE=1 - variant.forest_share),
        patch.object(Evidence, "features", without),
    ):
        before = [(module, name, getattr(MODULES[module], name)) for module, name, _ in variant[0]]
        try:
            for module, name, value in variant.constants:
                setattr(MODULES[module], name, value)
            yield
        finally:
            for module, name, value in before:
                setattr(MODULES[module], name, value)


def _reports(variant: Variant) -> dict[str, Report]:
    """How good a variant is on each set; all sets in one run, since sessions are independent."""
    with _changed(variant):
        calibration = _calibration(variant)
        alerts = detect_recorded(_joined(), calibration)
    return {name: _of_set(name, alerts) for name in sets}


def _calibration(variant: Variant) -> Calibration:
    if variant.fits is None:
        return Calibration.read(BUILT_IN)
    return fit_calibration(lambda: [past[variant.fits or ""]], variant.fits, variant.fits)


def _joined() -> RecordedSignals:
    """All sets as one table; a session is called by its set and its ID."""
    columns: dict[str, list[Any]] = {name: [] for name in RecordedSignals._fields}
    for name, labelled in sets.items():
        offset = len(columns["session_ids"])
        columns["session_ids"] += [f"{name}/{key}" for key in labelled.signals.session_ids]
        columns["session"].append(labelled.signals.session + offset)
        for column in set(columns) - {"session", "session_ids"}:
            columns[column].append(getattr(labelled.signals, column))
    names = columns.pop("session_ids")
    joined = {column: np.concatenate(parts) for column, parts in columns.items()}
    return RecordedSignals(session_ids=names, **joined)


def _of_set(name: str, alerts: list[Alert]) -> Report:
    mine = [_renamed(alert, name) for alert in alerts if alert.session_id.startswith(f"{name}/")]
    return evaluate(sets[name].labels, mine)


def _renamed(alert: Alert, name: str) -> Alert:
    values = {field: getattr(alert, field) for field in alert.__struct_fields__}
    return Alert(**{**values, "session_id": alert.session_id.removeprefix(f"{name}/")})


def _row(name: str, report: Report) -> str:
    weakest = min(report.recall_by_type.values())
    delay = report.delay_ticks_from_evident
    return (
        f"| {name} | {report.recall:.3f} | {weakest:.3f} | {report.precision:.3f} | "
        f"{report.false_alerts_per_session_hour:.3f} | {delay.median} / {delay.p95} | "
        f"{report.type_macro_f1:.3f} |"
    )


HEADER = "recall | weakest type | precision | false alerts/h | delay in ticks | type F1 |\n"
RULE = "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n"


def _table(title: str, rows: list[tuple[str, dict[str, Report]]]) -> str:
    lines = [
        _row(f"{name} | {on}", report) for name, reports in rows for on, report in reports.items()
    ]
    return f"### {title}\n\n| detector | on | {HEADER}{RULE}" + "\n".join(lines)


def _measured(apply: Callable[..., Any], variants: dict[str, Variant], title: str) -> list[Any]:
    reports = tqdm(apply(_reports, variants.values()), title, len(variants))
    return list(zip(variants, reports, strict=True))


def _literal(_: int) -> dict[str, Report]:
    alerts = detect_literally(_joined())
    return {name: _of_set(name, alerts) for name in sets}


def _methods(apply: Callable[..., Any]) -> str:
    (literal,) = apply(_literal, [0])
    variants = {
        "forest alone": Variant(forest_share=1.0, fits="simulated"),
        "z-score alone": Variant(forest_share=0.0, fits="simulated"),
        "ours": Variant(),
    }
    rows = [("the formula taken literally", literal), *_measured(apply, variants, "methods")]
    return _table("Methods on the same data", rows)


def _calibrations(apply: Callable[..., Any]) -> str:
    variants = {f"calibrated on {name}": Variant(fits=name) for name in past}
    return _table("Calibrated on one, measured on another", _measured(apply, variants, "fits"))


def _features(apply: Callable[..., Any]) -> str:
    variants = {"all features": Variant(fits="simulated")}
    for number in range(FEATURE_COUNT):
        variants[f"without {FEATURES[number]}"] = Variant(dropped=number, fits="simulated")
    return _table("Features left out of the forest", _measured(apply, variants, "features"))


def _constants(apply: Callable[..., Any]) -> str:
    """Each constant 20 % larger and smaller, and all of them together at random."""
    known = [
        (module, name, value)
        for module in MODULES
        for name, value in vars(MODULES[module]).items()
        if name.isupper()
        and type(value) in {int, float}
        and name not in {"NO_EPISODE", "LONGEST_RUN", "MINUTE_TICKS"}
    ]
    single = {
        f"{name} x {factor}": Variant(((module, name, _scaled(value, factor)),))
        for module, name, value in known
        for factor in (1 - SHARE, 1 + SHARE)
    }
    random = np.random.default_rng(5)
    together = {
        f"draw {number}": Variant(
            tuple(
                (module, name, _scaled(value, random.uniform(1 - SHARE, 1 + SHARE)))
                for module, name, value in known
            )
        )
        for number in range(RANDOM_DRAWS)
    }
    parts = [
        _spread(
            f"Each of {len(known)} constants 20 % larger or smaller, one at a time",
            _measured(apply, single, "constants"),
        ),
        _spread(
            f"All constants at random within 20 %, {RANDOM_DRAWS} draws",
            _measured(apply, together, "draws"),
        ),
    ]
    return "\n\n".join(parts)


def _scaled(value: float, factor: float) -> float:
    if isinstance(value, float):
        return value * factor
    return (
        max(1, round(value * factor))
        if round(value * factor) != value
        else value + (1 if factor > 1 else -1)
    )


def _spread(title: str, rows: list[tuple[str, dict[str, Report]]]) -> str:
    lines = [
        f"### {title}",
        "",
        "| on | figure | worst | by | median | best |",
        "| --- | --- | ---: | --- | ---: | ---: |",
    ]
    figures: dict[str, tuple[Callable[[Report], float], bool]] = {
        "recall": (lambda report: report.recall, True),
        "precision": (lambda report: report.precision, True),
        "false alerts/h": (lambda report: report.false_alerts_per_session_hour, False),
        "type F1": (lambda report: report.type_macro_f1, True),
    }
    for name in sets:
        for figure, (read, higher_is_better) in figures.items():
            found = sorted((read(reports[name]), by) for by, reports in rows)
            values = [value for value, _ in found]
            (worst, by), best = found[0], values[-1]
            if not higher_is_better:
                (worst, by), best = found[-1], values[0]
            lines.append(
                f"| {name} | {figure} | {worst:.3f} | {by} | {np.median(values):.3f} | {best:.3f} |"
            )
    return "\n".join(lines)


def _quiet_shares() -> str:
    """How often the score of a quiet tick reaches the thresholds."""
    lines = [
        "### Quiet ticks whose score reaches the thresholds",
        "",
        "| on | quiet ticks | at least 0.6 | at least 0.8 |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, labelled in sets.items():
        scores = _quiet_scores(labelled)
        warning, critical = (100 * np.mean(scores >= level) for level in (0.6, 0.8))
        lines.append(f"| {name} | {len(scores):,} | {warning:.2f} % | {critical:.2f} % |")
    return "\n".join(lines)


def _quiet_scores(labelled: Labelled) -> np.ndarray:
    quiet = {session.session_id: _quiet_ticks(session) for session in labelled.labels}
    run = Run(labelled.signals, Calibration.read(BUILT_IN))
    found = []
    for step, judgement in run.judgements():
        for row, stretch in enumerate(step.stretches.tolist()):
            tick = int(run.sessions.first_ticks[stretch]) + step.number
            if quiet[run.sessions.session_ids[stretch]][tick]:
                found.append(judgement.score[row])
    return np.array(found)


def _quiet_ticks(session: SessionLabels) -> np.ndarray:
    quiet = np.ones(session.ticks, np.bool_)
    quiet[:FIRST_TICKS] = False
    for anomaly in session.anomalies:
        quiet[anomaly.start : anomaly.end + GRACE_TICKS + 1] = False
    for stretch in session.excused:
        quiet[stretch.start : stretch.end + 1] = False
    return quiet


def _cases() -> Iterator[tuple[str, Case]]:
    """The first found case of each type, and the first missed ones."""
    name = next(iter(sets))
    labelled = sets[name]
    alerts = detect_recorded(labelled.signals, Calibration.read(BUILT_IN))
    wanted = {kind.name.lower(): kind.name for kind in episodes.Kind}
    missed = 0
    for session in labelled.labels:
        for anomaly in session.anomalies:
            raised = [
                alert
                for alert in alerts
                if alert.session_id == session.session_id
                and anomaly.start <= alert.tick <= anomaly.end + GRACE_TICKS
            ]
            if raised and raised[-1].type == anomaly.type and anomaly.type.lower() in wanted:
                del wanted[anomaly.type.lower()]
                yield f"found_{anomaly.type.lower()}", _case(name, session, anomaly, raised)
            elif not raised and missed < 2:
                missed += 1
                yield f"missed_{missed}", _case(name, session, anomaly, raised)


def _case(name: str, session: SessionLabels, anomaly: Anomaly, raised: list[Alert]) -> Case:
    signals = sets[name].signals
    first = max(0, anomaly.start - AROUND_TICKS)
    last = min(session.ticks, anomaly.end + AROUND_TICKS, first + 6 * AROUND_TICKS)
    mine = signals.session == signals.session_ids.index(session.session_id)
    rows = np.flatnonzero(mine)[first:last]
    engagement = score(
        type(signals.signals)(*(np.asarray(values)[rows] for values in signals.signals)),
        ScoreSettings(),
    )
    title = f"{anomaly.type}, {session.size} people, {anomaly.magnitude:.0%} ({anomaly.mode})"
    lines = {
        "active users": signals.active_users[rows].tolist(),
        "chat messages per minute": signals.chat_msgs_per_min[rows].tolist(),
        "engagement score": engagement.tolist(),
    }
    return Case(title, first, lines, anomaly, raised)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
