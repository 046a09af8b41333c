"""Log formats: text for people, JSON for programs, both with context fields such as the shard."""

import json
import logging
from copy import copy
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from sessions_app.telemetry.log_context import log_fields
from sessions_app.telemetry.once_a_minute import OnceAMinute, with_count
from sessions_app.telemetry.outages import fault_kind, first_line, is_outage, outage_kind

TEXT = "text"
JSON = "json"


class ContextFilter(logging.Filter):
    """Adds the context fields to a record, in the thread that logs it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.fields = {**log_fields(), **getattr(record, "fields", {})}
        return True


class OutageHandler(logging.StreamHandler[Any]):
    """Writes to standard error, repeated errors only once a minute.

    An outage is logged without its traceback, a fault with it. This applies whoever logs the error:
    Django, Celery, the channel layer, or asyncio for a failed task.
    """

    def __init__(self) -> None:
        super().__init__()
        self._once = OnceAMinute()

    def handle(self, record: logging.LogRecord) -> bool:
        kind = _repeated_kind(record)
        if kind is None:
            return bool(super().handle(record))
        left_out = self._once.left_out(kind)
        return left_out is not None and bool(super().handle(_shortened(record, left_out)))


def _repeated_kind(record: logging.LogRecord) -> tuple[str, ...] | None:
    """A key shared by repetitions of an outage or a fault; None for all other records."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        kind = outage_kind(error) if is_outage(error) else fault_kind(error)
        return record.name, str(record.msg), kind
    status = getattr(record, "status_code", None)
    # Django logs each 503, which is every page while a server is away.
    return (record.name, str(status)) if status == HTTPStatus.SERVICE_UNAVAILABLE else None


def _shortened(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    """A copy with the number of suppressed repetitions; an outage loses its traceback."""
    short = copy(record)
    message = record.getMessage()
    error = record.exc_info[1] if record.exc_info else None
    if is_outage(error) and error is not None:
        message = f"{message} {type(error).__name__}: {first_line(error)}"
        short.exc_info = short.exc_text = None
    short.msg, short.args = with_count(message, left_out), None
    return short


class TextFormatter(logging.Formatter):
    """``<time> <level> <logger>: <message> [shard=3 tick=359082840]``"""

    def __init__(self) -> None:
        super().__init__("{asctime} {levelname} {name}: {message}", style="{")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        fields = " ".join(f"{name}={value}" for name, value in _fields_of(record).items())
        line = super().formatMessage(record)
        return f"{line} [{fields}]" if fields else line


class JsonFormatter(logging.Formatter):
    """One JSON object per line: time, level, logger, process, message and context fields.

    ``exception`` holds the traceback, if there is one.
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
