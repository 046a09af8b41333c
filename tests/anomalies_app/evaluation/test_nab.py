"""The benchmark's rules, against cases worked out by hand and its own published tests."""

import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from anomalies_app.evaluation.nab import (
    OUTSIDE,
    PROBATION,
    PROFILES,
    REWARD_LOW_FN,
    REWARD_LOW_FP,
    STANDARD,
    CorpusError,
    Profile,
    Series,
    Window,
    count_detections,
    evaluate,
    probation,
    read_corpus,
    scaled_sigmoid,
    worth,
    write_scores,
)

UNWEIGHTED = Profile("unweighted", 1.0, 1.0, 1.0)


def make_series(rows: int, *windows: tuple[int, int], name: str = "group/one.csv") -> Series:
    timestamps = [f"2026-01-01 {row // 60:02d}:{row % 60:02d}:00" for row in range(rows)]
    return Series(name, timestamps, np.arange(rows, dtype=float), [Window(*w) for w in windows])


def spikes(rows: int, **scores: float) -> np.ndarray:
    """Scores of 0, but at the rows ``r<number>``."""
    found = np.zeros(rows)
    for row, score in scores.items():
        found[int(row[1:])] = score
    return found


# What a detection is worth


@pytest.mark.parametrize(
    ("position", "expected"),
    [(-1.0, 0.98661), (-0.5, 0.84828), (0.0, 0.0), (1.0, -0.98661), (2.999, -1.0), (50.0, -1.0)],
)
def test_scaled_sigmoid_is_the_published_one(position: float, expected: float) -> None:
    assert scaled_sigmoid(np.array(position)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "expected"), [(0, 0), (10, 1), (100, 15), (5000, 750), (6000, 750), (15902, 750)]
)
def test_probation_is_a_share_of_at_most_5000_rows(rows: int, expected: int) -> None:
    assert probation(rows) == expected


def test_worth_at_the_ends_of_a_window() -> None:
    value, window = worth(100, [Window(40, 49)])
    sigmoid = lambda x: 2 / (1 + math.exp(5 * x)) - 1  # noqa: E731
    assert value[40] == pytest.approx(1.0)
    assert value[49] == pytest.approx(sigmoid(-0.1) / sigmoid(-1))
    assert value[50] == pytest.approx(sigmoid(1 / 9))
    assert value[76] == pytest.approx(-1, abs=1e-6)
    assert value[77] == -1.0  # three widths behind
    assert value[39] == -1.0  # nothing before it
    assert window[39:51].tolist() == [OUTSIDE] + [0] * 10 + [OUTSIDE]
    assert (window[:15] == PROBATION).all()
    assert (window[15:40] == OUTSIDE).all()


def test_worth_behind_a_window_of_one_row_is_a_full_false_detection() -> None:
    value = worth(100, [Window(40, 40)]).value
    assert value[40] == pytest.approx(1.0)
    assert value[41] == -1.0


# Scores


@pytest.mark.parametrize("profile", PROFILES)
def test_evaluate_gives_0_to_silence_and_100_to_perfection(profile: Profile) -> None:
    series = make_series(200, (60, 69), (150, 179))
    silent = evaluate([series], {series.name: np.zeros(200)}, profile)
    assert silent.normalised == pytest.approx(0)
    assert silent.threshold == math.inf
    perfect = evaluate([series], {series.name: spikes(200, r60=0.9, r150=0.8)}, profile)
    assert perfect.normalised == pytest.approx(100)
    assert perfect.threshold == 0.8
    assert perfect.total == (pytest.approx(2 * profile.found), 2, 2, 0)


def test_evaluate_matches_the_benchmarks_own_case_of_all_counts() -> None:
    # tests/integration/scorer_test.py of the benchmark, testScoringAllMetrics: two windows of five
    # rows, detections at the first's beginning and behind its end, the second missed: -0.9540.
    # There every row is scored, so the rows here begin behind the probation.
    series = make_series(117, (50, 54), (83, 87))
    scores = {series.name: spikes(117, r50=1.0, r51=1.0, r57=1.0)}
    value = worth(117, series.windows).value
    assert 1 + value[57] - 1 == pytest.approx(-0.9540, abs=5e-5)
    low = evaluate([series], scores, UNWEIGHTED)
    assert low.total.score == pytest.approx(-0.9540, abs=5e-5)
    assert low.total[1:] == (2, 1, 1)


def test_evaluate_counts_only_the_best_detection_of_a_window() -> None:
    series = make_series(200, (100, 119))
    late = evaluate([series], {series.name: spikes(200, r110=0.5, r115=0.9)}, STANDARD)
    once = evaluate([series], {series.name: spikes(200, r110=0.5)}, STANDARD)
    assert late.total == once.total
    assert once.total.score == pytest.approx(0.84828 / 0.98661, abs=1e-4)


@pytest.mark.parametrize(
    ("profile", "cost"), [(STANDARD, 0.11), (REWARD_LOW_FP, 0.22), (REWARD_LOW_FN, 0.11)]
)
def test_evaluate_charges_each_false_detection(profile: Profile, cost: float) -> None:
    series = make_series(200, (100, 119))
    scores = spikes(200, r50=0.9, r60=0.9, r61=0.9, r100=0.9)
    found = evaluate([series], {series.name: scores}, profile)
    assert found.total == (pytest.approx(1 - 3 * cost), 1, 1, 3)


def test_evaluate_ignores_the_probation() -> None:
    series = make_series(200, (100, 119))
    found = evaluate([series], {series.name: spikes(200, r29=0.9, r100=0.9)}, STANDARD)
    assert found.normalised == pytest.approx(100)
    costly = evaluate([series], {series.name: spikes(200, r30=0.9, r100=0.9)}, STANDARD)
    assert costly.normalised == pytest.approx(100 - 5.5)


def test_evaluate_takes_one_threshold_for_all_series() -> None:
    loud = make_series(200, (100, 119), name="group/loud.csv")
    quiet = make_series(200, (100, 119), name="other/quiet.csv")
    scores = {
        loud.name: spikes(200, r30=0.5, r40=0.5, r100=0.9),
        quiet.name: spikes(200, r100=0.5),
    }
    found = evaluate([loud, quiet], scores, STANDARD)
    assert found.threshold == 0.5
    assert found.series[loud.name].false == 2
    assert found.groups["group"].normalised(STANDARD) == pytest.approx(100 - 11)
    assert found.groups["other"].normalised(STANDARD) == pytest.approx(100)
    assert found.normalised == pytest.approx(100 - 5.5)


def test_normalised_is_undefined_without_windows() -> None:
    series = make_series(200)
    assert math.isnan(evaluate([series], {series.name: np.zeros(200)}, STANDARD).normalised)


def brute_force(corpus: list[Series], scores: dict[str, np.ndarray], profile: Profile) -> float:
    """The best score over all thresholds, row by row as the rules read."""
    best = -math.inf
    for threshold in {math.inf, *(float(s) for found in scores.values() for s in found)}:
        result = 0.0
        for series in corpus:
            value, window = worth(len(series.values), series.windows)
            hits: dict[int, float] = {n: -profile.missed for n in set(window.tolist()) if n >= 0}
            for row, score in enumerate(scores[series.name]):
                if score < threshold or window[row] == PROBATION:
                    continue
                if window[row] == OUTSIDE:
                    result += profile.false * value[row]
                else:
                    hit = profile.found * value[row]
                    hits[int(window[row])] = max(hits[int(window[row])], hit)
            result += sum(hits.values())
        best = max(best, result)
    return best


@given(st.integers(0, 2**32 - 1), st.sampled_from(PROFILES))
def test_evaluate_finds_the_best_of_all_thresholds(seed: int, profile: Profile) -> None:
    random = np.random.default_rng(seed)
    corpus = [
        make_series(60, (20, 29), (40, 44), name="group/a.csv"),
        make_series(50, (30, 30), name="group/b.csv"),
        make_series(40, name="group/c.csv"),
    ]
    scores = {s.name: random.integers(0, 12, len(s.values)) ** 2 / 121 for s in corpus}
    found = evaluate(corpus, scores, profile)
    assert found.total.score == pytest.approx(brute_force(corpus, scores, profile))


def test_evaluate_refuses_scores_that_do_not_fit() -> None:
    series = make_series(20)
    with pytest.raises(ValueError, match="no scores"):
        evaluate([series], {}, STANDARD)
    with pytest.raises(ValueError, match="not one score for each row"):
        evaluate([series], {series.name: np.zeros(19)}, STANDARD)
    with pytest.raises(ValueError, match="not one score for each row"):
        evaluate([series], {series.name: np.full(20, np.nan)}, STANDARD)


# The corpus


def write_corpus(folder: Path, labels: object, text: str = "") -> Path:
    rows = "".join(f"2026-01-01 00:{row:02d}:00,{row}\n" for row in range(20))
    (folder / "data" / "group").mkdir(parents=True)
    (folder / "data" / "group" / "one.csv").write_text(text or f"timestamp,value\n{rows}")
    (folder / "labels").mkdir()
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    return folder


def test_read_corpus_reads_values_and_windows(tmp_path: Path) -> None:
    limits = [["2026-01-01 00:05:00.000000", "2026-01-01 00:07:30.000000"]]
    corpus = read_corpus(write_corpus(tmp_path, {"group/one.csv": limits, "group/absent.csv": []}))
    (series,) = corpus
    assert (series.name, series.group) == ("group/one.csv", "group")
    assert series.timestamps[5] == "2026-01-01 00:05:00"
    assert series.values.tolist() == list(range(20))
    assert series.windows == (Window(5, 7),)
    assert series.windows[0].width == 3


@pytest.mark.parametrize(
    ("labels", "text", "message"),
    [
        ({}, "", "says nothing of group/one.csv"),
        ([], "", "not an object"),
        ({"group/one.csv": [["2026-01-01 00:05:00"]]}, "", "is not a window of two times"),
        ({"group/one.csv": 5}, "", "is not a window of two times"),
        ({"group/one.csv": [["soon", "later"]]}, "", "'soon' is not a time"),
        ({"group/one.csv": [["2027-01-01", "2027-01-02"]]}, "", "no row lies in the window"),
        (
            {
                "group/one.csv": [
                    ["2026-01-01 00:05:00", "2026-01-01 00:07:00"],
                    ["2026-01-01 00:07:00", "2026-01-01 00:09:00"],
                ]
            },
            "",
            "windows overlap at row 7",
        ),
        ({"group/one.csv": []}, "timestamp,value\n", "no rows"),
        ({"group/one.csv": []}, "time,value\n1,2\n", "no column timestamp"),
        ({"group/one.csv": []}, "timestamp,value\n2026-01-01,x\n", "line 2: 'x' is not a number"),
        ({"group/one.csv": []}, "timestamp,value\n2026-01-01\n", "line 2: None is not a number"),
        ({"group/one.csv": []}, "timestamp,value\n2026-01-01,nan\n", "'nan' is not a number"),
        ({"group/one.csv": []}, "timestamp,value\nnow,1\n", "'now' is not a time"),
    ],
)
def test_read_corpus_says_what_is_wrong(
    tmp_path: Path, labels: object, text: str, message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        read_corpus(write_corpus(tmp_path, labels, text))


def test_read_corpus_needs_labels_and_data(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No such file"):
        read_corpus(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "combined_windows.json").write_text("{")
    with pytest.raises(CorpusError, match="not JSON"):
        read_corpus(tmp_path)
    (tmp_path / "labels" / "combined_windows.json").write_text("{}")
    with pytest.raises(CorpusError, match="no series there"):
        read_corpus(tmp_path)


def test_write_scores_keeps_the_layout(tmp_path: Path) -> None:
    series = make_series(2)
    path = write_scores(tmp_path, series, np.array([0.0, 0.125]))
    assert path == tmp_path / "data" / "group" / "one.csv"
    assert path.read_text() == (
        "timestamp,value,anomaly_score\n"
        "2026-01-01 00:00:00,0.0,0.0\n"
        "2026-01-01 00:01:00,1.0,0.125\n"
    )


# Published figures


def windowed_gaussian(values: np.ndarray) -> np.ndarray:
    """The benchmark's baseline of that name, while its window of 6400 values is not full."""
    scores = np.zeros(len(values))
    total = squares = 0.0
    for row, value in enumerate(values.tolist()):
        if row:
            mean = total / row
            spread = math.sqrt(max(squares / row - mean * mean, 0)) or 1e-6
            scores[row] = 1 - 0.5 * math.erfc(abs(value - mean) / spread / 1.4142)
        total += value
        squares += value * value
    return scores


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("exchange-2_cpc_results", -1.0),
        ("exchange-2_cpm_results", -2.0),
        ("exchange-3_cpc_results", 2.5026632611866138),
        ("exchange-3_cpm_results", 0.862098587352162),
        ("exchange-4_cpc_results", 0.2922884634276035),
        ("exchange-4_cpm_results", 1.274710362684976),
    ],
)
def test_worth_gives_a_published_detector_its_published_score(name: str, expected: float) -> None:
    # results/windowedGaussian/windowedGaussian_standard_scores.csv of the benchmark; threshold 1.
    corpus = {series.name: series for series in read_corpus(benchmark_sample())}
    series = corpus[f"realAdExchange/{name}.csv"]
    scores = windowed_gaussian(series.values)
    found = count_detections(worth(len(scores), series.windows), scores >= 1.0, STANDARD)
    assert found.score == pytest.approx(expected, abs=1e-12)


def benchmark_sample() -> Path:
    """Labelled series of the benchmark, which are not part of this project."""
    folder = Path(os.environ.get("NAB_DIR", "../shared/data/nab-sample"))
    if not (folder / "labels").is_dir():
        pytest.skip("set NAB_DIR to a folder with the benchmark's series")
    return folder


# The command


def run_command(*arguments: object) -> str:
    output = io.StringIO()
    call_command("evaluate_nab", *map(str, arguments), stdout=output)
    return output.getvalue()


def write_tiny_corpus(folder: Path) -> Path:
    random = np.random.default_rng(3)
    labels: dict[str, list[list[str]]] = {}
    for name, burst in (("busy/a.csv", 900), ("busy/b.csv", 700), ("still/c.csv", None)):
        series = make_series(1200, name=name)
        values = random.poisson(20, 1200)
        if burst:
            values[burst] = 400
        rows = [f"{t},{v}" for t, v in zip(series.timestamps, values, strict=True)]
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(["timestamp,value", *rows, ""]))
        window = [series.timestamps[burst - 20], series.timestamps[burst + 20]] if burst else None
        labels[name] = [window] if window else []
    (folder / "labels").mkdir()
    (folder / "labels" / "combined_windows.json").write_text(json.dumps(labels))
    return folder


@pytest.mark.parametrize("part", ["combined", "forest", "z_score"])
def test_evaluate_nab_reports_series_groups_and_profiles(tmp_path: Path, part: str) -> None:
    report = run_command(write_tiny_corpus(tmp_path), "--part", part)
    lines = [line.split() for line in report.splitlines() if line]
    assert lines[0] == ["windows", "found", "false", "score"]
    rows = {line[0]: line[1:] for line in lines}
    # 21 rows before the end of 41: (1 + (2 / (1 + e ** (-5 * 21 / 41)) - 1) / 0.98661) / 2.
    assert rows["busy/a.csv"] == ["1", "1", "0", "93.41"]
    assert rows["busy"] == ["2", "2", "0", "93.41"]
    assert rows["still/c.csv"] == ["0", "0", "0", "-"]
    assert "standard profile" in report
    assert "reward low FP profile" in report
    assert "reward low FN profile" in report
    assert report.splitlines()[-1] == "NAB score, standard profile: 93.41"


def test_evaluate_nab_writes_scores_that_reproduce_the_result(tmp_path: Path) -> None:
    folder, out = write_tiny_corpus(tmp_path / "in"), tmp_path / "out"
    run_command(folder, "--scores", out)
    corpus = read_corpus(folder)
    scores = {}
    for series in corpus:
        lines = (out / "data" / series.name).read_text().splitlines()
        assert lines[0] == "timestamp,value,anomaly_score"
        rows = [line.split(",") for line in lines[1:]]
        assert [row[0] for row in rows] == list(series.timestamps)
        assert [float(row[1]) for row in rows] == series.values.tolist()
        scores[series.name] = np.array([float(row[2]) for row in rows])
    assert evaluate(corpus, scores, STANDARD).normalised == pytest.approx(93.41, abs=0.005)


def test_evaluate_nab_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="No such file"):
        run_command(tmp_path)
