"""How log lines look: text for people, JSON for programs, both with what they are about."""

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


class WithFields(logging.Filter):
    """Notes in a record what it is about, in the thread that writes it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.fields = {**log_fields(), **getattr(record, "fields", {})}
        return True


class OutageHandler(logging.StreamHandler[Any]):
    """Writes lines to standard error, of what repeats itself once a minute.

    The traceback of an outage becomes its last line; that of a fault is written whole. Whoever
    logs an error gets this: Django, Celery, the channel layer, asyncio of a task that failed.
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
    """What tells a record of an outage or a fault from others; None for all other records."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        kind = outage_kind(error) if is_outage(error) else fault_kind(error)
        return record.name, str(record.msg), kind
    status = getattr(record, "status_code", None)
    # Django tells of each request that was answered so, and every page is while a server is away.
    return (record.name, str(status)) if status == HTTPStatus.SERVICE_UNAVAILABLE else None


def _shortened(record: logging.LogRecord, left_out: int) -> logging.LogRecord:
    """A copy with how many like it were left out, and of an outage no traceback."""
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
