"""Whether one process of a container works."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

from engagement_conductor.local_stack import ports
from tests.engagement_conductor.local_stack.conftest import START_SECONDS

pytestmark = pytest.mark.e2e


def test_a_worker_without_its_broker_does_not_answer():
    script = (
        "from engagement_conductor.local_stack import readiness; print(readiness._worker_answers())"
    )
    asked = subprocess.run(
        [sys.executable, "-c", script],
        cwd=settings.BASE_DIR,
        env={**os.environ, "REDIS_URL": f"redis://127.0.0.1:{ports.find_free()}/0"},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert (asked.stdout, asked.stderr) == ("False\n", "")
