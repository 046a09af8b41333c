"""Collectors with little memory that die of marked payloads, one after the other, for tests.

``python -m tests.sessions_app.ingest.fragile_collector EXITS MEBIBYTES MARKER [NAME ...]``: each
may take so much more memory than it has when it starts to work, and ends at once when a payload
contains the marker. The next one starts when one has ended, with the next of the names, or again
with the last; the exit codes go into the file EXITS. ``DELIVERY_MS`` in the environment says how
long one may be held up.
"""

import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

EXIT_CODE = 86


def main(exits: Path, mebibytes: int, marker: bytes, names: list[str]) -> None:
    """Starts collectors until it is told to stop, with all that they need loaded once."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
    django.setup()
    from sessions_app.ingest import batch, collector
    from sessions_app.management.commands import collect_events  # noqa: F401

    collector.DELIVERY_MS = int(os.environ.get("DELIVERY_MS", collector.DELIVERY_MS))
    if marker:
        batch._DECODERS[:] = [_fragile(decode, marker) for decode in batch._DECODERS]
    while True:
        name = names.pop(0) if len(names) > 1 else names[0]
        code = _live(name, mebibytes)
        with exits.open("a", encoding="ascii") as lines:
            lines.write(f"{code}\n")


def _live(name: str, mebibytes: int) -> int:
    """Lets a process collect to its end; ends with it when it is told to stop."""
    child = os.fork()
    if not child:
        _collect(name, mebibytes)
    stopped = []

    def stop(number: int, _: Any) -> None:
        stopped.append(number)
        os.kill(child, number)

    signal.signal(signal.SIGTERM, stop)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if stopped:
        sys.exit(code)
    return code


def _collect(name: str, mebibytes: int) -> None:
    from django.core.management import call_command

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    limit = _data_bytes() + mebibytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    code = 1
    try:
        call_command("collect_events", name=name)
        code = 0
    finally:
        os._exit(code)


def _fragile(decode: Callable[[bytes], Any], marker: bytes) -> Callable[[bytes], Any]:
    def decode_or_die(payload: bytes) -> Any:
        if marker in payload:
            os._exit(EXIT_CODE)
        return decode(payload)

    return decode_or_die


def _data_bytes() -> int:
    """Private writable memory of this process, as the limit counts it."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmData"))) * 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode(), sys.argv[4:])
