"""The product's worker, but for ticks of one shard that take as long as a hot session's did.

``python -m tests.e2e.driving.slow_worker SHARD SECONDS ARGUMENT...``; the rest is for Celery.
"""

import sys
import time
from typing import Any

from celery.signals import worker_init

from engagement_conductor.celery import app


def make_slow(shard: int, seconds: float) -> None:
    """Has every tick of the shard take ``seconds`` more, in the middle of its calculations."""
    from engagement_conductor.pipeline import tick

    score_next = tick.ShardScorer.score_next

    def slowly(scorer: Any, *arguments: Any) -> None:
        if scorer.turn.shard == shard:
            time.sleep(seconds)
        score_next(scorer, *arguments)

    tick.ShardScorer.score_next = slowly  # type: ignore[method-assign]


def main() -> None:
    shard, seconds, *arguments = sys.argv[1:]

    @worker_init.connect(weak=False)
    def patch(**_: Any) -> None:
        make_slow(int(shard), float(seconds))

    app.worker_main(["worker", *arguments])


if __name__ == "__main__":
    main()
