"""Readable logs."""

import importlib
import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from engagement_conductor import settings as product_settings
from engagement_conductor.logs import JsonFormatter, TextFormatter, WithFields, WithoutTraceback
from sessions_app.log_context import log_context, log_fields


def test_a_traceback_becomes_a_line(caplog) -> None:
    logger = logging.getLogger("outage")
    quiet = WithoutTraceback()
    logger.addFilter(quiet)
    try:
        raise ConnectionError("no server\nat all")
    except ConnectionError:
        logger.exception("Cannot read %s:", "it")
    finally:
        logger.removeFilter(quiet)
    (record,) = caplog.records
    assert record.exc_info is None
    assert record.getMessage() == "Cannot read it: ConnectionError: no server\nat all"


def test_other_records_pass_unchanged(caplog) -> None:
    record = logging.LogRecord("outage", logging.INFO, "", 0, "All is %s.", ("well",), None)
    assert WithoutTraceback().filter(record)
    assert record.getMessage() == "All is well."


def record_of(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("pipeline", logging.INFO, "", 0, message, arguments, None)
    record.__dict__.update(extra)
    assert WithFields().filter(record)
    return record


def test_a_line_says_what_it_is_about() -> None:
    with log_context(shard=3), log_context(tick=7, session="talk-1"):
        record = record_of("Scored %d.", 2)
    line = json.loads(JsonFormatter().format(record))
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "pipeline",
        "process": os.getpid(),
        "message": "Scored 2.",
        "shard": 3,
        "tick": 7,
        "session": "talk-1",
    }
    assert (
        TextFormatter()
        .format(record)
        .endswith(" INFO pipeline: Scored 2. [shard=3 tick=7 session=talk-1]")
    )


def test_a_line_about_nothing_in_particular_has_no_fields() -> None:
    with log_context(shard=3):
        pass
    assert TextFormatter().format(record_of("Well.")).endswith(" INFO pipeline: Well.")


def test_a_line_of_json_stays_one_line() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = record_of("Not\nwell: %s", "é", exc_info=sys.exc_info())
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line = json.loads(text)
    assert line["message"] == "Not\nwell: é"
    assert line["exception"].endswith("ValueError: two\nlines")


def test_threads_do_not_mix_their_fields() -> None:
    with log_context(shard=1), ThreadPoolExecutor(1) as executor:
        assert executor.submit(log_fields).result() == {}


@pytest.mark.parametrize(("name", "formatter"), [("text", TextFormatter), ("json", JsonFormatter)])
def test_the_setting_chooses_the_form(name: str, formatter: type, monkeypatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", name)
    chosen = importlib.reload(product_settings).LOGGING
    handler = chosen["handlers"]["console"]
    path = chosen["formatters"][handler["formatter"]]["()"]
    assert path == f"engagement_conductor.logs.{formatter.__name__}"
