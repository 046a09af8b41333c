"""Anomalies in Django admin: what the detector found, and what people make of it."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localdate, localtime, make_aware
from django.utils.translation import ngettext

from anomalies_app.models import NOT_REVIEWED, Anomaly, AnomalyReview, Verdict
from anomalies_app.review import may_review, review_anomalies
from sessions_app.models import Event

LISTED_EVENTS = 50
LISTED_MONTHS = 24
RECENT_DAYS = {"today": 1, "week": 7}
COUNTED_ROWS = 10_000
DASH = "\N{EN DASH}"
BREAK = mark_safe("<br>")


class BoundedPaginator(Paginator):
    """Counts so many rows and no more: on a big table, counting is what takes long."""

    @cached_property
    def count(self) -> int:
        return self.object_list[:COUNTED_ROWS].count()


class VerdictFilter(admin.SimpleListFilter):
    """By verdict; what has none waits for a review."""

    title = "verdict"
    parameter_name = "verdict"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("none", "not reviewed"), *Verdict.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(verdict="" if self.value() == "none" else self.value())


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


class ReviewForm(forms.ModelForm):
    """A note, and the verdict of the button that was pressed; without one it stays as it is."""

    verdict = forms.ChoiceField(choices=[("", "Withdrawn"), *Verdict.choices], required=False)

    class Meta:
        model = Anomaly
        fields = ("verdict_note",)
        widgets = {"verdict_note": forms.Textarea(attrs={"rows": 3, "cols": 60})}

    def clean_verdict(self) -> str:
        pressed = self.add_prefix("verdict") in self.data
        return self.cleaned_data["verdict"] if pressed else self.instance.verdict


@admin.register(Anomaly)
class AnomalyAdmin(admin.ModelAdmin):
    """What the detector found is read-only; verdict and note are the reviewer's."""

    list_display = (
        "raised",
        "session",
        "event",
        "type",
        "severity",
        "score",
        "lasted",
        "verdict",
    )
    list_filter = ("type", "severity", VerdictFilter, IsOpenFilter, EventFilter, DateFilter)
    list_select_related = ("session", "event")
    search_fields = ("session__title", "event__title")
    search_help_text = "Title of a session or event"
    ordering = ("-time",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    actions = ("confirm", "call_false_alarm")
    form = ReviewForm
    fieldsets = (
        (None, {"fields": ("reason", "session", "event", "raised", "ended", "type", "severity")}),
        ("Why", {"fields": ("score", "current", "expected", "moved", "signal_values", "changes")}),
        ("Review", {"fields": ("verdict_now", "verdict_note", "reviews")}),
    )
    readonly_fields = (
        "reason",
        "session",
        "event",
        "raised",
        "ended",
        "type",
        "severity",
        "score",
        "current",
        "expected",
        "moved",
        "signal_values",
        "changes",
        "verdict_now",
        "reviews",
    )

    class Media:
        css = {"all": ("css/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_review(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: Anomaly, form: Any, change: bool) -> None:
        review_anomalies(
            [obj.pk], request.user, form.cleaned_data["verdict"], form.cleaned_data["verdict_note"]
        )

    @admin.action(description="Confirm", permissions=["change"])
    def confirm(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._review(request, queryset, Verdict.CONFIRMED)

    @admin.action(description="False alarm", permissions=["change"])
    def call_false_alarm(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._review(request, queryset, Verdict.FALSE_ALARM)

    def _review(self, request: HttpRequest, queryset: QuerySet, verdict: Verdict) -> None:
        keys = list(queryset.values_list("pk", flat=True))
        changed = review_anomalies(keys, request.user, verdict)
        words = ngettext("%d anomaly: %s.", "%d anomalies: %s.", changed)
        self.message_user(request, words % (changed, verdict.label.lower()), messages.SUCCESS)

    @admin.display(description="time", ordering="time")
    def raised(self, anomaly: Anomaly) -> str:
        return _clock(anomaly.time)

    @admin.display(description="score", ordering="anomaly_score")
    def score(self, anomaly: Anomaly) -> str:
        return f"{anomaly.anomaly_score:.2f}"

    @admin.display(description="ended")
    def lasted(self, anomaly: Anomaly) -> str:
        end = anomaly.ended_at or anomaly.session.ended_at
        return "open" if end is None else f"after {(end - anomaly.time).total_seconds():.0f} s"

    @admin.display(description="ended")
    def ended(self, anomaly: Anomaly) -> str:
        end = anomaly.ended_at or anomaly.session.ended_at
        return "open" if end is None else f"{_clock(end)}, {self.lasted(anomaly)}"

    @admin.display(description="engagement")
    def current(self, anomaly: Anomaly) -> str:
        return f"{anomaly.current_engagement:.0%}"

    @admin.display(description="expected engagement")
    def expected(self, anomaly: Anomaly) -> str:
        return f"{anomaly.expected_engagement:.0%}"

    @admin.display(description="moved most")
    def moved(self, anomaly: Anomaly) -> str:
        move = anomaly.metadata.get("moved") or {}
        if not {"signal", "before", "now", "seconds"} <= move.keys():
            return DASH
        before, now = _figure(move["before"]), _figure(move["now"])
        signal, seconds = _in_words(move["signal"]), move["seconds"]
        return f"{signal} from {before} to {now} in {seconds} s"

    @admin.display(description="signals")
    def signal_values(self, anomaly: Anomaly) -> str:
        return _lines((_in_words(name), _figure(value)) for name, value in anomaly.signals.items())

    @admin.display(description="course")
    def changes(self, anomaly: Anomaly) -> str:
        """Every change of the episode, as the detector noted it."""
        return _lines(
            _change_in_words(dict(change)) for change in anomaly.metadata.get("changes", ())
        )

    @admin.display(description="verdict")
    def verdict_now(self, anomaly: Anomaly) -> str:
        if not anomaly.verdict:
            return NOT_REVIEWED
        return f"{anomaly.get_verdict_display()}, by {anomaly.reviewed_by or 'a deleted user'}"

    @admin.display(description="history")
    def reviews(self, anomaly: Anomaly) -> str:
        """Who changed the verdict or note, newest first."""
        rows = AnomalyReview.objects.filter(anomaly_id=anomaly.pk).select_related("user")
        return _lines((_clock(row.time), _review_in_words(row)) for row in rows)


def _review_in_words(review: AnomalyReview) -> str:
    who = review.user or "a deleted user"
    if review.is_acknowledgement:
        return f"{who}: acknowledged"
    verdicts = f"{review.from_label} \N{RIGHTWARDS ARROW} {review.to_label}"
    note = f": {review.note}" if review.note else ""
    return f"{who}: {verdicts}{note}"


def _change_in_words(change: dict[str, Any]) -> tuple[str, str]:
    """When what has happened, and how things were."""
    moment, kind = change.pop("time", ""), change.pop("change", "")
    return f"{str(moment)[:19].replace('T', ' ')} {kind.lower()}", _described(change)


def _described(values: dict[str, Any]) -> str:
    """Names with their values in one line."""
    return ", ".join(f"{_in_words(name)} {_figure(value)}" for name, value in values.items())


def _in_words(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: Any) -> str:
    """A value as far as a reader cares about its decimals."""
    return f"{round(value, 3):g}" if isinstance(value, float) else str(value)


def _clock(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}"


def _lines(pairs: Any) -> str:
    """Terms with their explanations, one a line."""
    return format_html_join(BREAK, "{}: {}", pairs) or DASH
