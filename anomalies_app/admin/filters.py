"""How admins find anomalies in the list."""

from datetime import date, datetime, time, timedelta

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.timezone import localdate, make_aware

from anomalies_app.models import Status
from sessions_app.models import Event

LISTED_EVENTS = 50
LISTED_MONTHS = 24
RECENT_DAYS = {"today": 1, "week": 7}


class StatusFilter(admin.SimpleListFilter):
    """By what people made of it."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return Status.choices

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.with_status(self.value())


class IsOpenFilter(admin.SimpleListFilter):
    """Anomalies that go on, or those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("open", "open"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.open() if self.value() == "open" else queryset.over()


class EventFilter(admin.SimpleListFilter):
    """By event: the newest ones, and the chosen one. Others are found by searching."""

    title = "event"
    parameter_name = "event"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        newest = Event.objects.order_by("-created_at", "-pk")[:LISTED_EVENTS]
        return [(str(event.pk), event.title) for event in newest]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        value = self.value() or ""
        return queryset.filter(event_id=int(value)) if value.isdecimal() else queryset


class DateFilter(admin.SimpleListFilter):
    """By date: the last days, or a month. Django's own hierarchy of dates reads the whole table."""

    title = "date"
    parameter_name = "date"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        today = localdate()
        months = [_month_before(today, number) for number in range(LISTED_MONTHS)]
        return [
            ("today", "today"),
            ("week", "last 7 days"),
            *((f"{month:%Y-%m}", date_format(month, "F Y")) for month in months),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        if self.value() in RECENT_DAYS:
            start = localdate() - timedelta(days=RECENT_DAYS[self.value()] - 1)
            return queryset.filter(time__gte=_midnight(start))
        try:
            start = datetime.strptime(self.value(), "%Y-%m").date()
        except ValueError:
            return queryset.none()
        end = _month_before(start, -1)
        return queryset.filter(time__gte=_midnight(start), time__lt=_midnight(end))


def _month_before(day: date, months: int) -> date:
    """The first day of the month so many months before that of ``day``."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def _midnight(day: date) -> datetime:
    return make_aware(datetime.combine(day, time.min))
