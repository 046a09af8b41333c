"""Tests' requirements besides Python; without them a test is skipped, or fails if all must run."""

import os
from typing import NoReturn

import pytest


def missing(what: str) -> NoReturn:
    """Skips or fails the running test; ``what`` says what is missing."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"REQUIRE_ALL=1, but {what}")
    pytest.skip(f"NOT RUN: {what}")
