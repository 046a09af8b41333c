"""Tables of tail probabilities, and the score that is made of them."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anomalies_app.detector.calibration import (
    AUDIENCE_SIZES,
    BUILT_IN,
    LARGEST_SURPRISE,
    SURPRISES,
    TAIL_PROBABILITIES,
    VERSION,
    Calibration,
    CalibrationError,
    SizeClasses,
    TailTable,
    anomaly_score,
    write_calibration,
)

SIZES = np.array([3, 16, 50, 399, 5_000], np.float32)
values = st.floats(-1e6, 1e6, width=32)


def table() -> TailTable:
    """Five classes of the same knots, moved by the class's number."""
    knots = np.arange(len(TAIL_PROBABILITIES), dtype=np.float64) ** 1.5
    return TailTable(np.array([knots + number for number in range(len(AUDIENCE_SIZES) + 1)]))


def surprise(value: float, people: float = 3) -> float:
    sizes = SizeClasses.of(np.array([people], np.float32))
    return float(table().surprise(np.array([value], np.float32), sizes)[0])


def test_audiences_are_classed_by_their_lower_bounds() -> None:
    assert SizeClasses.of(SIZES).classes.tolist() == [0, 1, 2, 3, 4]
    assert SizeClasses.of(np.array([15.9, 40, 100, 400], np.float32)).classes.tolist() == [
        0,
        2,
        3,
        4,
    ]


def test_knots_have_the_surprise_of_their_shares() -> None:
    assert table().surprise(SIZES, SizeClasses.of(SIZES)).dtype == np.float32
    for size, people in enumerate(SIZES.tolist()):
        found = [surprise(knot, people) for knot in table().knots[size]]
        assert found == pytest.approx(SURPRISES.tolist(), abs=1e-5)


@given(one=values, other=values, people=st.sampled_from(SIZES.tolist()))
def test_surprise_never_falls_as_values_rise(one: float, other: float, people: float) -> None:
    lower, higher = sorted((one, other))
    assert 0 <= surprise(lower, people) <= surprise(higher, people) <= LARGEST_SURPRISE


@given(st.lists(st.tuples(values, st.sampled_from(SIZES.tolist())), min_size=1, max_size=40))
def test_a_value_does_not_depend_on_the_others(rows: list[tuple[float, float]]) -> None:
    column, people = np.array(rows, np.float32).T
    together = table().surprise(column, SizeClasses.of(people)).tolist()
    assert together == [surprise(value, size) for value, size in rows]


def test_beyond_the_last_knot_it_goes_on_as_steeply() -> None:
    knots = table().knots[0]
    slope = (SURPRISES[-1] - SURPRISES[-3]) / (knots[-1] - knots[-3])
    assert surprise(knots[-1] + 2) == pytest.approx(SURPRISES[-1] + 2 * slope, abs=1e-4)
    assert surprise(1e6) == LARGEST_SURPRISE


def test_a_fitted_table_tells_the_share_of_values_that_are_higher() -> None:
    random = np.random.default_rng(1)
    exponential = random.exponential(size=200_000).astype(np.float32)
    fitted = TailTable.fitted(exponential, np.full(200_000, 2))
    sizes = SizeClasses.of(np.full(3, 50, np.float32))
    found = fitted.surprise(np.log([2, 20, 200]).astype(np.float32), sizes)
    assert found == pytest.approx(np.log10([2, 20, 200]), abs=0.05)


def test_sizes_that_are_rare_have_the_table_of_all() -> None:
    # Ten values beyond the last knot are enough: ten thousand in all.
    sizes = np.repeat([1, 2], [10_000, 9_999])
    fitted = TailTable.fitted(np.arange(19_999, dtype=np.float32), sizes)
    everyone, enough, few = fitted.knots[:3]
    assert np.array_equal(few, everyone)
    assert (everyone[0], everyone[-1]) == (0, pytest.approx(0.999 * 19_998))
    assert (enough[0], enough[-1]) == (0, pytest.approx(0.999 * 9_999))


@pytest.mark.parametrize(("value", "gap"), [(0, 1e-4), (0.5, 1e-4), (-50, 5e-3)])
def test_equal_values_give_the_highest_share_to_what_exceeds_them(value: float, gap: float) -> None:
    fitted = TailTable.fitted(np.full(20_000, value, np.float32), np.zeros(20_000, np.intp))
    assert fitted.knots[:, 0].tolist() == [value] * 5
    assert np.diff(fitted.knots) == pytest.approx(np.full((5, 9), gap))


@pytest.mark.parametrize(
    ("knots", "reason"),
    [
        (np.zeros((4, 10)), r"a table of shape \(4, 10\), not \(5, 10\)"),
        (np.zeros((5, 10)), "the knots of a table must increase"),
        (np.tile([*range(9), np.nan], (5, 1)), "the knots of a table must increase"),
        (np.tile([*range(9), np.inf], (5, 1)), "the knots of a table must increase"),
    ],
)
def test_impossible_tables_are_refused(knots: np.ndarray, reason: str) -> None:
    with pytest.raises(CalibrationError, match=f"^{reason}$"):
        TailTable(knots)


def test_a_calibration_is_the_same_after_it_was_stored(tmp_path) -> None:
    stored = Calibration.read(BUILT_IN)
    assert stored.prior.dtype == np.float32
    path = tmp_path / "new" / "folder" / "copy.json"
    for _ in range(2):
        assert write_calibration(stored, path) == path
    assert path.read_bytes() == BUILT_IN.read_bytes()
    assert Calibration.read(path).to_stored() == stored.to_stored()
    assert [file.name for file in path.parent.iterdir()] == ["copy.json"]


def test_it_is_stored_with_as_many_digits_as_matter() -> None:
    one = TailTable(np.tile(np.arange(10) + 0.123456789, (5, 1)))
    prior = np.full((5, 2, 6), 0.123456789, np.float32)
    stored = Calibration("name", "words", 7, (one,), one, one, one, prior).to_stored()
    assert (stored.version, stored.name, stored.made_from, stored.ticks) == (1, "name", "words", 7)
    assert [row[0] for row in stored.features[0]] == [0.12346] * 5
    assert stored.forest[0][:2] == [0.123457, 1.123457]
    assert stored.deviation == stored.combined == stored.features[0]
    assert stored.prior == np.full((5, 2, 6), 0.1235).tolist()


def test_another_version_is_refused(tmp_path) -> None:
    stored = Calibration.read(BUILT_IN).to_stored()
    other = msgspec.structs.replace(stored, version=VERSION + 1)
    with pytest.raises(CalibrationError, match=f"^version {VERSION + 1}, not {VERSION}$"):
        Calibration.from_stored(other)
    path = tmp_path / "other.json"
    path.write_bytes(msgspec.json.encode(other))
    with pytest.raises(CalibrationError, match=rf"other\.json: version {VERSION + 1}, not"):
        Calibration.read(path)


def test_a_file_that_cannot_be_written_is_named(tmp_path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CalibrationError, match=r"file/some\.json: (File exists|Not a directory)"):
        write_calibration(Calibration.read(BUILT_IN), tmp_path / "file" / "some.json")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file"),
        (b"{", "not a calibration"),
        (b'{"version": 1}', "not a calibration"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, content, reason) -> None:
    path = tmp_path / "some.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CalibrationError, match=f"some.json.*{reason}"):
        Calibration.read(path)


def test_scores_mean_one_in_a_hundred_and_one_in_four_hundred() -> None:
    surprises = -np.log10(np.array([1, 0.01, 0.0025, 1e-4, 1e-12, 1e-30], np.float32))
    assert anomaly_score(surprises) == pytest.approx([0, 0.6, 0.8, 0.95, 1, 1], abs=1e-4)
    assert anomaly_score(surprises).dtype == np.float32
    assert (np.diff(anomaly_score(np.linspace(0, 12, 500, dtype=np.float32))) > 0).all()
