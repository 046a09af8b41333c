"""How log lines look: text for people, JSON for programs, both with what they are about."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from sessions_app.log_context import log_fields

TEXT = "text"
JSON = "json"


class WithFields(logging.Filter):
    """Notes in a record what it is about, in the thread that writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.fields = {**log_fields(), **getattr(record, "fields", {})}
        return True


class WithoutTraceback(logging.Filter):
    """Turns a record's traceback into a line, for loggers whose errors are outages."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} {type(error).__name__}: {error}"
            record.args = None
            record.exc_info = None
        return True


class TextFormatter(logging.Formatter):
    """``<time> <level> <logger>: <message> [shard=3 tick=359082840]``"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = " ".join(f"{name}={value}" for name, value in _fields_of(record).items())
        line = super().formatMessage(record)
        return f"{line} [{fields}]" if fields else line


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, process, message, and what it is about.

    A traceback is in ``exception``.
    """

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
            **_fields_of(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _fields_of(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return fields
