"""The product's worker, but with slow ticks of one shard, as with a very large session.

``python -m tests.e2e.driving.slow_worker SHARD SECONDS ARGUMENT...``; the arguments are Celery's.
"""

import sys
import time
from typing import Any

from celery.signals import worker_init

from engagement_conductor.celery import app


def make_slow(shard: int, seconds: float) -> None:
    """Adds ``seconds`` to every tick of the shard, in the middle of scoring."""
    from engagement_conductor.pipeline import tick

    score_next = tick.ShardScorer.score_next

    def score_slowly(scorer: Any, *arguments: Any) -> None:
        if scorer.turn.shard == shard:
            time.sleep(seconds)
        score_next(scorer, *arguments)

    tick.ShardScorer.score_next = score_slowly  # type: ignore[method-assign]


def main() -> None:
    shard, seconds, *arguments = sys.argv[1:]

    @worker_init.connect(weak=False)
    def patch(**_: Any) -> None:
        make_slow(int(shard), float(seconds))

    app.worker_main(["worker", *arguments])


if __name__ == "__main__":
    main()
