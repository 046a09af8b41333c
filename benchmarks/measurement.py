"""What a benchmark reports."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measurement:
    """One figure.

    Attributes:
        name: of the benchmark.
        value: in ``unit``.
        baseline: what it is compared with, in the same unit.
        ratio: ``value / baseline``.
        note: what the baseline is.
    """

    name: str
    value: float
    unit: str
    baseline: float
    note: str

    @property
    def ratio(self) -> float:
        return self.value / self.baseline

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "ratio": self.ratio}


def table(measurements: list[Measurement]) -> str:
    """The figures as aligned text."""
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
