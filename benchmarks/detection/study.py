"""``python -m benchmarks.detection.study [FOLDER ...]``: the tables and plots of docs/detection.md.

Measures the detector, variants of it and other detectors on simulated sessions, and on the labelled
sessions of each FOLDER (signals.csv.gz, labels.json.gz). Takes about ten minutes on two cores.
"""

import argparse
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# Processes run in parallel, so each may use only one core.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from tqdm import tqdm

from anomalies_app.detector.calibration import BUILT_IN, Calibration
from anomalies_app.detector.state import FEATURE_COUNT
from anomalies_app.evaluation.calibration_fitting import RULES_ALONE
from anomalies_app.evaluation.offline import Run
from anomalies_app.evaluation.report import GRACE_TICKS
from benchmarks.detection.study_cases import cases
from benchmarks.detection.study_plots import as_svg
from benchmarks.detection.study_tables import spread, table
from benchmarks.detection.variants import (
    MODULES,
    Labelled,
    Variant,
    literal_reports,
    past,
    reports,
    score_reports,
    sets,
)
from sessions_app.recordings.signal_recording import read_signals
from sessions_app.simulation.labelled.labels import (
    LABELS_FILE,
    SIGNALS_FILE,
    SessionLabels,
    read_labels,
)
from sessions_app.simulation.labelled.sessions import recorded, simulate_session

RESULTS = Path(__file__).parent.parent / "results" / "detection_study"
# Not the sessions on which the built-in calibration was fitted.
MEASURED_SEED, MEASURED_SESSIONS = 2027, 200
FITTED_SEED, FITTED_SESSIONS = 1001, 300
RANDOM_DRAWS = 24
SHARE = 0.2
FEATURES = ("presence", "vitality", "chat", "net loss", "slide", "slow vitality")
# The detector judges nothing before this tick.
FIRST_TICKS = 24


def main(arguments: list[str]) -> int:
    """Runs the studies, writes tables.md and the plots; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, metavar="FOLDER")
    parser.add_argument("--history", type=Path, help="Signals of more past sessions, unlabelled.")
    parser.add_argument("--only", choices=STUDIES, action="append", help="A study; repeatable.")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args(arguments)
    _load(options.folders, options.history)
    options.output.mkdir(parents=True, exist_ok=True)
    sections = [f"Measured {datetime.now(UTC):%Y-%m-%d} on {', '.join(sets)}."]
    with ProcessPoolExecutor(options.processes, get_context("fork")) as pool:
        for name in options.only or STUDIES:
            sections.append(STUDIES[name](pool.map))
            # Written after each study, so that no result is lost if a later one fails.
            (options.output / "tables.md").write_text("\n\n".join(sections) + "\n")
    sections.append(_quiet_shares())
    (options.output / "tables.md").write_text("\n\n".join(sections) + "\n")
    for name, case in cases(sets["simulated"]):
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


def _measured(apply: Callable[..., Any], variants: dict[str, Variant], title: str) -> list[Any]:
    found = tqdm(apply(reports, variants.values()), title, len(variants))
    return list(zip(variants, found, strict=True))


def _methods(apply: Callable[..., Any]) -> str:
    (literal,) = apply(literal_reports, [0])
    forest, deviation = apply(score_reports, [1.0, 0.0])
    variants = {
        "our rules alone": Variant(settings=RULES_ALONE),
        "our rules and the forest": Variant(forest_share=1.0, fits="simulated"),
        "our rules and the z-score": Variant(forest_share=0.0, fits="simulated"),
        "ours": Variant(),
    }
    rows = [
        ("the formula taken literally", literal),
        ("the forest alone, calibrated", forest),
        ("the z-score alone, calibrated", deviation),
        *_measured(apply, variants, "methods"),
    ]
    return table("Methods on the same data", rows)


def _calibrations(apply: Callable[..., Any]) -> str:
    variants = {f"calibrated on {name}": Variant(fits=name) for name in past}
    return table("Calibrated on one, measured on another", _measured(apply, variants, "fits"))


def _features(apply: Callable[..., Any]) -> str:
    variants = {"all features": Variant(fits="simulated")}
    for number in range(FEATURE_COUNT):
        variants[f"without {FEATURES[number]}"] = Variant(dropped=number, fits="simulated")
    return table("Features left out of the forest", _measured(apply, variants, "features"))


def _constants(apply: Callable[..., Any]) -> str:
    """Each constant 20 % larger and smaller, then all of them varied at random."""
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
        spread(
            f"Each of {len(known)} constants 20 % larger or smaller, one at a time",
            _measured(apply, single, "constants"),
        ),
        spread(
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


def _quiet_shares() -> str:
    """Share of quiet ticks whose score reaches the thresholds."""
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


STUDIES = {
    "methods": _methods,
    "calibrations": _calibrations,
    "features": _features,
    "constants": _constants,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
