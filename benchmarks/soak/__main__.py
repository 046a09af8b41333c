"""``python -m benchmarks.soak``: runs the whole product under load for some minutes, and judges it.

Starts a stack of its own with embedded servers. Other processes on the machine are not affected,
but they take time that ticks may need. Exit code 0 if every promise was kept.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import django
import psutil

from benchmarks.machine import this_machine
from benchmarks.soak import verdict
from benchmarks.soak.posting import Load, Platform, Posted, running_platform
from benchmarks.soak.stack import Stack, Usage, running_stack

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
RESULTS = Path(__file__).parent.parent / "results" / "soak.json"
SAMPLE_SECONDS = 5.0
REPORT_SECONDS = 30.0
# Time until every session is live and scored; ticks count from then on.
SETTLING_SECONDS = 25.0
RETENTION_MINUTES = 2
OVERVIEWS = 12
SESSION_PAGES = 24
STORING_SECONDS = 60.0


def main() -> int:
    """Runs the soak test; returns 0 if every promise was kept, otherwise 1."""
    arguments = _read_arguments()
    load = Load(arguments.sessions, arguments.rate, arguments.minutes * 60, arguments.seed)
    _report("starting the stack")
    with running_stack(RETENTION_MINUTES) as stack:
        django.setup()
        checks, samples = _run(stack, load)
    RESULTS.parent.mkdir(exist_ok=True)
    results = {
        "load": load._asdict(),
        "machine": this_machine()._asdict(),
        "checks": verdict.as_json(checks),
        "samples": samples,
    }
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    kept = all(check.kept is not False for check in checks)
    print(f"\n{verdict.report(checks)}\n\nWritten to {RESULTS}.")
    print("Every promise was kept." if kept else "FAILED: see above.")
    return 0 if kept else 1


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rate", type=int, default=5_000, help="stream entries per second")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def _run(stack: Stack, load: Load) -> tuple[list[verdict.Check], list[dict[str, Any]]]:
    from benchmarks.soak.samples import Sampler
    from benchmarks.soak.watching import ScreenWatch, TickWatch, open_screens
    from sessions_app.redis_access.client import connect

    samples = []
    with running_platform(stack.redis_url, load) as posting:
        began = time.monotonic()
        _report(f"{load.rate:,} entries/s for {load.sessions:,} sessions; letting it settle")
        time.sleep(SETTLING_SECONDS)
        spectators = open_screens(stack.port, OVERVIEWS, SESSION_PAGES)
        screens = ScreenWatch(spectators)
        sampler = Sampler(stack, connect())
        with TickWatch() as ticks:
            screens.start()
            while (posted := posting.result(_seconds_to_sample())) is None:
                elapsed = time.monotonic() - began
                sample = sampler.take(elapsed, ticks.scored(), _platform_usage(posting))
                sample |= {"worst_delay": max(ticks.delays.values(), default=0.0)}
                samples.append(sample)
                _tell(sample, len(samples))
            screens.stop()
            last = _wait_until_stored(ticks.scored)
    return _judge(load, posted, samples, last, ticks.delays, screens, stack), samples


def _seconds_to_sample() -> float:
    """Seconds to the middle of a tick, when the previous one has been scored."""
    return SAMPLE_SECONDS - (time.time() - SAMPLE_SECONDS / 2) % SAMPLE_SECONDS


def _wait_until_stored(scored: Any) -> int:
    """Returns the tick in which posting ended, once it and the next are in the database."""
    from sessions_app.redis_access import keys
    from sessions_app.redis_access.client import connect
    from sessions_app.ticks import tick_at

    last = tick_at(time.time_ns() // 1_000_000)
    outboxes = [keys.shard_outbox(shard) for shard in range(keys.SHARD_COUNT)]
    deadline = time.monotonic() + STORING_SECONDS
    while scored() < last + 1 or connect().exists(*outboxes):
        if time.monotonic() > deadline:
            _report(f"the last ticks are not stored after {STORING_SECONDS:g} s")
            break
        time.sleep(0.1)
    return last


def _judge(
    load: Load,
    posted: Posted,
    samples: list[dict[str, Any]],
    last: int,
    delays: dict[int, float],
    screens: Any,
    stack: Stack,
) -> list[verdict.Check]:
    from benchmarks.soak.counted import counts_exact, ticks_whole

    seconds = [sample["seconds"] for sample in samples]
    kinds = [kind for kind in samples[-1]["memory"] if kind not in ("valkey", "platform")]
    growing = [
        sample["redis_used"] - sample["redis_kept"] - sample["redis_streams"] for sample in samples
    ]
    entries = max(sample["stream_entries"] for sample in samples)
    bound = int(load.rate * (RETENTION_MINUTES + 1) * 60 * 1.05)
    pace = f"{posted.entries:,} entries, {posted.behind_seconds:.2f} s behind at worst"
    return [
        verdict.Check("The load was reached", posted.behind_seconds < verdict.LATE_SECONDS, pace),
        verdict.ticks_on_time(delays),
        ticks_whole(load.sessions, last),
        counts_exact(posted.totals),
        verdict.screens_current(screens.delays, screens.problem),
        *(
            verdict.memory_flat(kind, seconds, [sample["memory"][kind] for sample in samples])
            for kind in kinds
        ),
        verdict.memory_flat("Redis, without data that expires", seconds, growing),
        verdict.Check("Streams are trimmed", entries <= bound, f"{entries:,} of {bound:,} entries"),
        verdict.Check("No dead letters", not samples[-1]["dead_letters"], "without faults"),
        verdict.Check("No process exited", not stack.restarts, "; ".join(stack.restarts) or "none"),
    ]


def _platform_usage(posting: Platform) -> dict[str, Usage]:
    try:
        process = psutil.Process(posting.pid)
        times = process.cpu_times()
        memory = process.memory_full_info().uss
    except psutil.Error:
        return {}
    return {"platform": Usage(memory, times.user + times.system)}


def _tell(sample: dict[str, Any], number: int) -> None:
    if number % int(REPORT_SECONDS / SAMPLE_SECONDS) == 1:
        memory = sum(sample["memory"].values())
        _report(
            f"{sample['seconds'] / 60:4.1f} min, backlog {sample['backlog']:,}, last tick"
            f" {sample['tick_age'] or 0.0:.1f} s ago, slowest after {sample['worst_delay']:.2f} s,"
            f" Redis {sample['redis_used'] / 2**20:,.0f} MiB, all {memory / 2**20:,.0f} MiB,"
            f" load {sample['load']:.1f}"
        )


def _report(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
