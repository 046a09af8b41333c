"""``make chaos``: runs the product under faults, and checks that its promises hold.

Runs the stack of ``make demo`` on its own data folders. While the simulated conference is running
and an overview is open, processes are killed, frozen and duplicated, the database's disk is filled,
connections are cut, the clock is set, and blobs, entries, sessions and cookies are poisoned.
Afterwards every stored row and anomaly is compared with the expected ones. Fails if anything
differs, or if a dashboard is not current ten seconds after the end of a fault.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from engagement_conductor.configuration.env import BASE_DIR
from tests.chaos import acts
from tests.chaos.acts import Result
from tests.chaos.campaign import table
from tests.chaos.faults import Fault

RESULTS = BASE_DIR / ".data" / "chaos.json"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ACTS = {
    "processes": acts.processes,
    "network": acts.network,
    "clock": acts.clocks,
    "poison": acts.poison,
}


def main() -> int:
    """Returns 0 if every promise held."""
    arguments = _read_arguments()
    chromium = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if chromium is None:
        print("Chromium is required to view the dashboard, but not found.", file=sys.stderr)
        return 2
    results = run([arguments.act] if arguments.act else [*ACTS], arguments.faults, chromium)
    for result in results:
        print(f"\n{table(result.outcomes)}\n\n{result.report.summary()}")
    RESULTS.write_text(json.dumps(msgspec.to_builtins(results), indent=2) + "\n")
    print(f"\nWritten to {RESULTS.relative_to(BASE_DIR)}.")
    return 0 if all(result.is_good for result in results) else 1


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--act", choices=[*ACTS], help="run only this act")
    parser.add_argument(
        "faults", nargs="*", help="run only faults whose names contain one of these"
    )
    return parser.parse_args()


def run(names: Sequence[str], words: Sequence[str], chromium: str) -> list[Result]:
    """Runs the named acts, each on a new data folder."""

    def choose(faults: Sequence[Fault]) -> list[Fault]:
        return [fault for fault in faults if not words or any(word in fault.name for word in words)]

    results = []
    RESULTS.parent.mkdir(exist_ok=True)
    for name in names:
        with tempfile.TemporaryDirectory(prefix="chaos-", dir=RESULTS.parent) as folder:
            # If root runs this, PostgreSQL runs as another user.
            Path(folder).chmod(0o755)
            say(f"{name}: starting the stack")
            result = ACTS[name](Path(folder), chromium, choose, say)
        if result is not None:
            results.append(result)
    return results


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
