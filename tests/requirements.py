"""What a test needs beside Python: without it the test skips, or fails where all is required."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Ends the running test, because ``what`` is missing here."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, but {what}")
    pytest.skip(f"NOT RUN: {what}")
