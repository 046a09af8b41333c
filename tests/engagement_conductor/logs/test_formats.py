"""Readable logs."""

import importlib
import io
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import django.db
import pytest
import redis
from django.db import IntegrityError

from engagement_conductor import settings as product_settings
from engagement_conductor.logs.formats import (
    ContextFilter,
    JsonFormatter,
    OutageHandler,
    TextFormatter,
)
from sessions_app.telemetry.log_context import log_context, log_fields
from sessions_app.telemetry.once_a_minute import OnceAMinute


@pytest.fixture
def written() -> Iterator[Callable[[], list[str]]]:
    """A logger named ``product`` writes to the handler of the settings; gives what it wrote."""
    handler, text, logger = OutageHandler(), io.StringIO(), logging.getLogger("product")
    handler.setStream(text)
    handler.setFormatter(TextFormatter())
    logger.addHandler(handler)
    yield lambda: text.getvalue().splitlines()
    logger.removeHandler(handler)


def log_error(error: Exception, message: str = "Cannot read %s:", argument: str = "it") -> None:
    try:
        raise error
    except type(error):
        logging.getLogger("product").exception(message, argument)


def test_outages_of_a_minute_are_a_line(written, caplog) -> None:
    for number in range(50):
        log_error(redis.ConnectionError("no server\nat all"), argument=str(number))
        log_error(django.db.OperationalError("no database"))
    [first, second] = written()
    assert first.endswith(" ERROR product: Cannot read 0: ConnectionError: no server")
    assert second.endswith(" ERROR product: Cannot read it: OperationalError: no database")
    # Whoever else takes the record has all of it.
    assert all(record.exc_info for record in caplog.records)


def test_faults_have_their_traceback_once_a_minute_for_each_place(written) -> None:
    for _ in range(50):
        log_error(ValueError("of ours"))
    assert written()[-1] == "ValueError: of ours"
    assert sum("Traceback" in line for line in written()) == 1
    try:
        int("x")
    except ValueError:
        logging.getLogger("product").exception("Cannot read %s:", "that")
    assert sum("Traceback" in line for line in written()) == 2


def page_a() -> None:
    uuid.UUID("of page A")


def page_b() -> None:
    uuid.UUID("of page B")


def store(cause: Callable[[], None]) -> None:
    """As a library does that raises every error on the same line."""
    try:
        cause()
    except ValueError as error:
        raise IntegrityError from error


def gather(cause: Callable[[], None]) -> None:
    errors = []
    try:
        cause()
    except ValueError as error:
        errors.append(error)
    raise ExceptionGroup("tasks", errors)


def descend(depth: int) -> None:
    if depth == 0:
        raise ValueError("too deep")
    descend(depth - 1)


def log_faults(action: Callable[[], None], times: int = 1) -> None:
    for _ in range(times):
        try:
            action()
        except Exception:
            logging.getLogger("product").exception("Internal Server Error")


@pytest.mark.parametrize("within", [lambda cause: cause(), store, gather])
def test_a_frequent_fault_hides_no_rare_one(written, within) -> None:
    log_faults(lambda: within(page_a), 50)
    log_faults(lambda: within(page_b))
    text = "\n".join(written())
    assert text.count('uuid.UUID("of page A")') == text.count('uuid.UUID("of page B")') == 1


def test_a_fault_is_the_same_however_deep_it_was(written) -> None:
    for depth in range(2, 40):
        log_faults(lambda depth=depth: descend(depth))
    assert sum("Traceback" in line for line in written()) == 1


def test_the_next_line_tells_how_many_were_left_out(written, monkeypatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now)
    handler = logging.getLogger("product").handlers[-1]
    handler._once = OnceAMinute(clock=lambda: now)
    for _ in range(8):
        log_error(redis.ConnectionError("away"))
    now += 61
    log_error(redis.ConnectionError("away"))
    assert written()[-1].endswith("ConnectionError: away (7 more like it since the last line)")


def test_requests_that_are_answered_503_are_a_line_a_minute(written) -> None:
    logger = logging.getLogger("product")
    for number in range(20):
        logger.error("%s: /%d", "Service Unavailable", number, extra={"status_code": 503})
        logger.warning("%s: /%d", "Not Found", number, extra={"status_code": 404})
    assert len(written()) == 21


def test_other_lines_pass_unchanged(written) -> None:
    for _ in range(3):
        logging.getLogger("product").warning("All is %s.", "well")
    assert [line.partition(": ")[2] for line in written()] == ["All is well."] * 3


def record_of(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("pipeline", logging.INFO, "", 0, message, arguments, None)
    record.__dict__.update(extra)
    assert ContextFilter().filter(record)
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
    assert path == f"engagement_conductor.logs.formats.{formatter.__name__}"
