"""Names, words and thresholds: complete, and the only ones there are."""

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from anomalies_app.models import AnomalyType, Severity
from dashboard.formatting.presentation import (
    CONTRIBUTION_ROWS,
    LABELS,
    PRESENTATION,
    RANGES,
    SEVERITIES,
    SIGNAL_CARDS,
    WORDS,
    label,
    live_sessions,
)
from dashboard.templatetags.engagement_filters import FORMATS
from sessions_app.models import PauseKind
from sessions_app.scoring.score import ScoreSettings, Signals, category, explain

ROOT = Path(__file__).parents[3]
SCRIPTS = [*(ROOT / "static" / "js").glob("*.js")]
ALL_TEMPLATES = [*(ROOT / "templates").rglob("*.html")]
TEMPLATES = [path for path in ALL_TEMPLATES if path.parent.name == "dashboard"]


def test_everything_has_a_name() -> None:
    named = {kind: {*names} - {""} for kind, names in LABELS.items()}
    assert named == {
        "category": {category(score / 10) for score in range(11)},
        "anomaly": {*AnomalyType.values},
        "severity": {*Severity.values},
        "pause": {*PauseKind.values},
    }
    assert set(SEVERITIES) == {*Severity.values}


@pytest.mark.parametrize(
    ("kind", "name", "shown"),
    [
        ("anomaly", "MASS_EXIT", "Mass exit"),
        ("anomaly", "NEW_KIND", "Unusual"),
        ("severity", "CRITICAL", "Critical"),
        ("severity", None, "Warning"),
        ("category", "", "No score yet"),
        ("pause", "BREAK", "Break"),
        ("pause", "LUNCH", "LUNCH"),
        ("pause", None, ""),
    ],
)
def test_names_in_words(kind: str, name: str | None, shown: str) -> None:
    assert label(kind, name) == shown


def test_the_head_of_the_overview_counts() -> None:
    assert live_sessions(1, 0) == "1 session live now"
    assert live_sessions(0, 0) == "0 sessions live now"
    assert live_sessions(12, 3) == "12 sessions live now, 3 with an alert"


def test_ranges_grow_and_the_last_is_the_whole_session() -> None:
    *lengths, whole = [each.milliseconds for each in RANGES.values()]
    assert all(shorter < longer for shorter, longer in pairwise(lengths))
    assert (lengths[0], whole) == (300_000, None)


def test_rows_name_signals_and_forms_that_there_are() -> None:
    terms = explain(Signals(0.0, 0.0, 0, 0, 0.0, 0.0), ScoreSettings())
    assert [row.name for row in CONTRIBUTION_ROWS] == [term.signal for term in terms]
    cards = [name for row in SIGNAL_CARDS for name in (row.name, row.beside) if name]
    assert sorted(cards) == sorted(Signals._fields)
    assert {row.form for row in (*CONTRIBUTION_ROWS, *SIGNAL_CARDS)} <= FORMATS.keys()


def test_scripts_are_given_all_of_it_as_data() -> None:
    data = json.loads(json.dumps(PRESENTATION))
    assert data["labels"] == LABELS
    assert data["levels"][0] == [0.8, "VERY_HIGH"]
    [reader] = [path for path in SCRIPTS if path.name == "presentation.js"]
    read = set(re.findall(r"^  (\w+): [A-Z_]+,$", reader.read_text(), flags=re.MULTILINE))
    assert read | {"labels"} == data.keys()


@pytest.mark.parametrize("path", [*SCRIPTS, *TEMPLATES], ids=lambda path: path.name)
def test_no_script_and_no_template_says_them_by_itself(path: Path) -> None:
    names = {name for kinds in LABELS.values() for name in kinds.values()}
    words = {re.split(r"\{", text)[0].strip() or text for text in WORDS.values()}
    said = names | {text for text in words if len(text) > 2}
    text = path.read_text(encoding="utf-8")
    literals = set(re.findall(r'"([^"\n]*)"', text) if path.suffix == ".js" else [])
    literals |= {piece.strip() for piece in re.findall(r">([^<>{}%]*)<", text)}
    assert literals & said == set()


@pytest.mark.parametrize("path", ALL_TEMPLATES, ids=lambda path: path.name)
def test_lines_of_templates_are_short(path: Path) -> None:
    long = [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) >= 120]
    assert long == []
