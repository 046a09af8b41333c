"""``manage.py evaluate_nab``: the detector's core on the Numenta Anomaly Benchmark."""

import math
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from anomalies_app.evaluation.nab import (
    PROFILES,
    STANDARD,
    CorpusError,
    Count,
    Evaluation,
    Scores,
    Series,
    evaluate,
    read_corpus,
    write_scores,
)
from anomalies_app.evaluation.univariate import Parts, UnivariateDetector, half_hours

SECONDS_BETWEEN_LINES = 5.0


class Command(BaseCommand):
    help = "Scores the univariate detector on a folder laid out as the Numenta Anomaly Benchmark."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "folder",
            metavar="DIR",
            type=Path,
            help="Holds data/<group>/<series>.csv and labels/combined_windows.json.",
        )
        parser.add_argument(
            "--scores",
            metavar="OUT",
            type=Path,
            help="Write every series' scores there, as data/<group>/<series>.csv.",
        )
        parser.add_argument(
            "--part",
            choices=Parts._fields,
            default="combined",
            help="What to score by. Default: combined, 0.7 forest + 0.3 z-score.",
        )

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        try:
            corpus = read_corpus(folder)
            scores = _score(corpus, options["part"])
            if options["scores"]:
                for series in corpus:
                    write_scores(options["scores"], series, scores[series.name])
        except CorpusError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error
        evaluations = [evaluate(corpus, scores, profile) for profile in PROFILES]
        self.stdout.write("\n".join(format_report(evaluations)))


def _score(corpus: Sequence[Series], part: str) -> dict[str, Scores]:
    detector = UnivariateDetector()
    scores = {}
    with Progress(sum(len(series.values) for series in corpus), sys.stderr) as progress:
        for series in corpus:
            slots = half_hours(series.timestamps)
            scores[series.name] = detector.score_series(series.values, part, slots)
            progress.advance(len(series.values))
    return scores


class Progress:
    """A bar on a terminal; anywhere else, a line every few seconds."""

    def __init__(self, total: int, stream: TextIO) -> None:
        self._done = 0
        self._total = total
        self._stream = stream
        self._bar = tqdm(total=total, file=stream, unit=" values", disable=not stream.isatty())
        self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.close()

    def advance(self, values: int) -> None:
        """Shows that so many more values have been scored."""
        self._done += values
        self._bar.update(values)
        if self._bar.disable and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + SECONDS_BETWEEN_LINES
            print(f"{self._done} of {self._total} values", file=self._stream, flush=True)


def format_report(evaluations: Sequence[Evaluation]) -> Iterator[str]:
    """Lines: a table of series and groups by the standard profile, and every profile's score."""
    standard = next(found for found in evaluations if found.profile == STANDARD)
    width = max(len(name) for name in standard.series)
    yield f"{'':{width}}  windows  found  false    score"
    for group, count in standard.groups.items():
        for name, one in standard.series.items():
            if name.rpartition("/")[0] == group:
                yield _row(name, one, width)
        yield _row(group, count, width)
        yield ""
    for found in evaluations:
        yield _row(f"{found.profile.name} profile", found.total, width, found)
    yield f"NAB score, standard profile: {_normalised(standard.total, standard).strip()}"


def _row(name: str, count: Count, width: int, found: Evaluation | None = None) -> str:
    numbers = f"{count.windows:9d}{count.found:7d}{count.false:7d}"
    threshold = f"  at threshold {found.threshold:.6g}" if found else ""
    return f"{name:{width}}{numbers}{_normalised(count, found)}{threshold}"


def _normalised(count: Count, found: Evaluation | None) -> str:
    score = count.normalised(found.profile if found else STANDARD)
    return f"{'-':>9}" if math.isnan(score) else f"{score:9.2f}"
