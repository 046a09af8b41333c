"""A collector's process with little memory that dies of marked payloads, for tests.

``python -m tests.integration.fragile_collector NAME MEBIBYTES MARKER``: it may take so much more
memory than it has when it starts to work, and ends at once when a payload contains the marker.
``DELIVERY_MS`` in the environment says how long it may be held up.
"""

import os
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

EXIT_CODE = 86


def main(name: str, mebibytes: int, marker: bytes) -> None:
    """Collects until it is told to stop, or dies."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engagement_conductor.settings")
    django.setup()
    from django.core.management import call_command

    from sessions_app import collector, handover

    collector.DELIVERY_MS = int(os.environ.get("DELIVERY_MS", collector.DELIVERY_MS))
    if marker:
        handover._DECODERS[:] = [_fragile(decode, marker) for decode in handover._DECODERS]
    limit = _data_bytes() + mebibytes * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    call_command("collect_events", name=name)


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
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3].encode())
