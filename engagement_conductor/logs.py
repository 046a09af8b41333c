"""Keeping logs readable."""

import logging


class WithoutTraceback(logging.Filter):
    """Turns a record's traceback into a line, for loggers whose errors are outages."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} {type(error).__name__}: {error}"
            record.args = None
            record.exc_info = None
        return True
