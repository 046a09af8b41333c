"""Readable logs."""

import logging

from engagement_conductor.logs import WithoutTraceback


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
