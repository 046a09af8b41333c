"""The filters of the list of anomalies."""

import re
from calendar import monthrange
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localdate, localtime, make_aware

from anomalies_app.models import Anomaly, Status
from sessions_app.models import Event

LISTED_EVENTS = 20
# A longer number cannot be a key.
LONGEST_KEY = 18
RECENT = [("today", "today"), ("week", "last 7 days")]
RECENT_DAYS = {"today": 1, "week": 7}
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


class StatusFilter(admin.SimpleListFilter):
    """By the status of the review."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return Status.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.with_status(self.value())


class IsOpenFilter(admin.SimpleListFilter):
    """Open anomalies, or ended ones."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("open", "open"), ("ended", "ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.open() if self.value() == "open" else queryset.ended()


class EventFilter(admin.SimpleListFilter):
    """By event: offers the newest ones and the chosen one; others are found by the search."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        newest = Event.objects.order_by("-created_at", "-pk")[:LISTED_EVENTS]
        listed = {str(event.pk): event.title for event in newest}
        if (chosen := self._chosen()) and str(chosen) not in listed:
            titles = Event.objects.filter(pk=chosen).values_list("title", flat=True)
            listed |= {str(chosen): title for title in titles}
        return list(listed.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        chosen = self._chosen()
        return queryset if chosen is None else queryset.filter(session__event_id=chosen)

    def _chosen(self) -> int | None:
        value = self.value() or ""
        return int(value) if value.isdecimal() and len(value) <= LONGEST_KEY else None


class DateFilter(admin.SimpleListFilter):
    """By date: the last days, or a year, then one of its months, then one of its days.

    Django's own date hierarchy reads the whole table to offer only dates with rows.
    """

    title = "date"
    parameter_name = "date"
    template = "admin/anomalies_app/anomaly/date_filter.html"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return RECENT

    def choices(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        """Each choice with its level; the year and month of a chosen day are selected, too."""
        value = self.value() or ""
        for level, key, label in self._options():
            yield {
                "level": level,
                "selected": value == key or (bool(key) and value.startswith(f"{key}-")),
                "query_string": changelist.get_query_string(
                    {self.parameter_name: key} if key else {},
                    [] if key else [self.parameter_name],
                ),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        days = days_of(self.value())
        if days is None:
            return queryset.none()
        return queryset.filter(time__gte=_midnight(days.start), time__lt=_midnight(days.end))

    def _options(self) -> Iterator[tuple[str, str, str]]:
        """Level, value and label of each choice."""
        today = localdate()
        yield "", "", "All"
        for value, label in RECENT:
            yield "", value, label
        for year in range(today.year, _first_year(today.year) - 1, -1):
            yield "Year", f"{year}", f"{year}"
        days = None if self.value() in dict(RECENT) else days_of(self.value() or "")
        if days is None:
            return
        for month in range(1, 13):
            first = date(days.start.year, month, 1)
            if first <= today:
                yield "Month", f"{first:%Y-%m}", date_format(first, "M")
        if len(self.value()) > len("2026"):
            for number in range(1, monthrange(days.start.year, days.start.month)[1] + 1):
                day = days.start.replace(day=number)
                if day <= today:
                    yield "Day", f"{day}", f"{number}"


class Days(NamedTuple):
    """A range of days, without its end."""

    start: date
    end: date


def days_of(value: str) -> Days | None:
    """The days of ``2026``, ``2026-03`` or ``2026-03-15``, or of a value of :data:`RECENT`.

    Returns:
        None for anything else.
    """
    if value in RECENT_DAYS:
        tomorrow = localdate() + timedelta(days=1)
        return Days(tomorrow - timedelta(days=RECENT_DAYS[value]), tomorrow)
    if not _DATE.fullmatch(value):
        return None
    year, month, day = (int(part) if part else None for part in _DATE.fullmatch(value).groups())
    try:
        start = date(year, month or 1, day or 1)
        if day:
            return Days(start, start + timedelta(days=1))
        return Days(start, date(year + (month in (None, 12)), (month or 12) % 12 + 1, 1))
    except (ValueError, OverflowError):
        return None


def _first_year(this_year: int) -> int:
    """The year of the oldest anomaly, which an index finds at once."""
    oldest = Anomaly.objects.order_by("time").values_list("time", flat=True).first()
    return this_year if oldest is None else min(this_year, localtime(oldest).year)


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))
