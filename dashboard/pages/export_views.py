"""Downloads of a session's metrics and anomalies."""

from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from dashboard.pages.export import RECORDS, Range, csv_parts, json_parts
from dashboard.pages.session_views import visible_session
from dashboard.pages.times import parse_time
from sessions_app.models import Session
from sessions_app.storage.locked_scores import reading_scores

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


class BadRangeError(ValueError):
    """The requested range is invalid; the message says why."""


@require_GET
@never_cache
def download(request: HttpRequest, pk: int, name: str, form: str) -> HttpResponseBase:
    """Streams ``name`` of a session ("metrics", "anomalies") as ``form`` ("csv", "json").

    ``from`` and ``to`` are ISO 8601 times with a zone, both inclusive; an end that is missing is
    open. 400 if they are invalid, with the reason; 404 if the session is not visible to the user.
    """
    if name not in RECORDS or form not in CONTENT_TYPES:
        raise Http404
    session = visible_session(request, pk)
    try:
        span = _read_range(request)
    except BadRangeError as error:
        return HttpResponse(f"{error}\n", "text/plain; charset=utf-8", 400)
    records = RECORDS[name]
    # Fails here rather than later: a download that has begun can only be cut off.
    with reading_scores():
        records.rows(session).exists()
    parts = (
        csv_parts(records, session, span)
        if form == "csv"
        else json_parts(records, session, span, name)
    )
    response = StreamingHttpResponse(parts, content_type=CONTENT_TYPES[form])
    response["Content-Disposition"] = (
        f'attachment; filename="{_file_name(session, name, span)}.{form}"'
    )
    return response


def _read_range(request: HttpRequest) -> Range:
    span = Range(_read_time(request, "from"), _read_time(request, "to"))
    if span.start is not None and span.end is not None and span.end < span.start:
        raise BadRangeError(
            f"'to' ({span.end.isoformat()}) is before 'from' ({span.start.isoformat()})."
        )
    return span


def _read_time(request: HttpRequest, name: str) -> datetime | None:
    text = request.GET.get(name)
    if not text:
        return None
    hint = "e.g. 2026-11-22T10:15:05Z or 2026-11-22T11:15:05%2B01:00 (encode + as %2B in a URL)"
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadRangeError(f"'{name}' {error}, {hint}: {text!r}.") from None


def _file_name(session: Session, name: str, span: Range) -> str:
    title = slugify(session.title)[:60] or f"session-{session.pk}"
    start = span.start or session.started_at
    end = span.end or session.ended_at or timezone.now()
    return "-".join(
        (title, name, *(f"{time.astimezone(UTC):%Y%m%dT%H%M%SZ}" for time in (start, end)))
    )
