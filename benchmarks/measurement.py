"""The results of benchmarks."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One result.

    Attributes:
        name: name of the benchmark.
        value: in ``unit``.
        baseline: what it is compared with, in the same unit.
        ratio: ``value / baseline``.
        note: what the baseline is.
        least_ratio, most_ratio: bounds of the ratio; outside of them, something became slower.
    """

    name: str
    value: float
    unit: str
    baseline: float
    note: str
    least_ratio: float | None = None
    most_ratio: float | None = None

    @property
    def ratio(self) -> float:
        return self.value / self.baseline

    @property
    def is_slow(self) -> bool:
        """Whether the ratio is out of bounds."""
        too_small = self.least_ratio is not None and self.ratio < self.least_ratio
        return too_small or (self.most_ratio is not None and self.ratio > self.most_ratio)

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def table(measurements: list[Measurement]) -> str:
    """The results as an aligned text table."""
    rows = [("name", "value", "unit", "baseline", "ratio", "baseline is")]
    rows += [
        (m.name, f"{m.value:,.4g}", m.unit, f"{m.baseline:,.4g}", f"{m.ratio:.3f}", m.note)
        for m in measurements
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
