"""Anomalies in Django admin: the detector's findings, read-only, and their review."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.translation import ngettext

from anomalies_app.admin.change_list import (
    BoundedPaginator,
    NoteForm,
    PicturedList,
    chosen_keys,
    pressed_verdict,
)
from anomalies_app.admin.chart import course_payload
from anomalies_app.admin.export import anomalies_as_csv
from anomalies_app.admin.filters import DateFilter, EventFilter, IsOpenFilter, StatusFilter
from anomalies_app.admin.rates import false_alarms
from anomalies_app.admin.wording import (
    DASH,
    change_in_words,
    clock,
    lasted_in_words,
    move_in_words,
    name_of,
    person_of,
    review_in_words,
    share,
    signals_in_words,
    table,
    two_lines,
)
from anomalies_app.models import Anomaly, AnomalyReview, Verdict
from anomalies_app.review import acknowledge_anomalies, may_review, review_anomalies
from sessions_app.admin.change_list import CheckedAdmin

VERDICT_BUTTONS = {Verdict.CONFIRMED.value: "Confirm", Verdict.FALSE_ALARM.value: "False alarm"}


class ReviewForm(forms.ModelForm):
    """A note, and the verdict of the pressed button; saving without one keeps the verdict."""

    verdict = forms.ChoiceField(choices=[("", "Withdrawn"), *Verdict.choices], required=False)

    class Meta:
        model = Anomaly
        fields = ("verdict_note",)
        widgets = {"verdict_note": forms.Textarea(attrs={"rows": 3, "cols": 60})}

    def clean_verdict(self) -> str:
        pressed = self.add_prefix("verdict") in self.data
        return self.cleaned_data["verdict"] if pressed else self.instance.verdict


@admin.register(Anomaly)
class AnomalyAdmin(CheckedAdmin):
    """The list and the page of anomalies; only verdict and note can be edited."""

    list_display = ("raised", "where", "kind", "picture", "status")
    # Any other order would read the whole table.
    sortable_by = ("raised",)
    list_filter = ("type", "severity", StatusFilter, IsOpenFilter, EventFilter, DateFilter)
    search_fields = ("session__title", "session__event__title", "session__external_id")
    search_help_text = "Session or event title, or the platform's session ID"
    ordering = ("-time",)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    paginator = BoundedPaginator
    actions = ("acknowledge", "confirm", "call_false_alarm")
    action_form = NoteForm
    list_per_page = 50
    form = ReviewForm
    fieldsets = (
        ("Review", {"fields": ("status_now", "verdict_note", "reviews")}),
        ("What", {"fields": ("session", "event_now", "began", "ended", "type", "severity")}),
        ("Why", {"fields": ("score", "current", "expected", "moved", "signal_values", "changes")}),
    )
    readonly_fields = (
        "session",
        "event_now",
        "began",
        "ended",
        "type",
        "severity",
        "score",
        "current",
        "expected",
        "moved",
        "signal_values",
        "changes",
        "status_now",
        "reviews",
    )

    def get_urls(self) -> list[Any]:
        export = path(
            "export/", self.admin_site.admin_view(self.export), name="anomalies_app_anomaly_export"
        )
        return [export, *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **arguments: Any) -> type[PicturedList]:
        return PicturedList

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        return (
            (*self.list_display, "verdict_buttons")
            if may_review(request.user)
            else self.list_display
        )

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        if request.method == "POST" and "review" in request.POST:
            return self._review_one(request)
        extra = {"title": "Anomalies", "false_alarms": false_alarms()}
        return super().changelist_view(request, {**(extra_context or {}), **extra})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Anomaly]:
        people = ("acknowledged_by", "reviewed_by")
        return super().get_queryset(request).select_related("session__event", *people)

    def render_change_form(
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Anomaly | None = None,
    ) -> HttpResponse:
        if obj is not None:
            context |= {"title": name_of(obj), "subtitle": None, "course": course_payload(obj)}
        return super().render_change_form(request, context, add, change, form_url, obj)

    def export(self, request: HttpRequest) -> HttpResponse:
        """All rows of the list as CSV, with the filters and the search of the page."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            return anomalies_as_csv(self.get_changelist_instance(request).queryset)
        except IncorrectLookupParameters:
            return HttpResponseRedirect("../")

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

    @admin.action(description="Acknowledge", permissions=["change"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet) -> None:
        changed = acknowledge_anomalies(chosen_keys(queryset), request.user)
        words = ngettext("%d anomaly acknowledged.", "%d anomalies acknowledged.", changed)
        self.message_user(request, words % changed, messages.SUCCESS)

    @admin.action(description="Confirm", permissions=["change"])
    def confirm(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._review(request, queryset, Verdict.CONFIRMED)

    @admin.action(description="False alarm", permissions=["change"])
    def call_false_alarm(self, request: HttpRequest, queryset: QuerySet) -> None:
        self._review(request, queryset, Verdict.FALSE_ALARM)

    def _review(self, request: HttpRequest, queryset: QuerySet, verdict: Verdict) -> None:
        note = request.POST.get("note") or None
        changed = review_anomalies(chosen_keys(queryset), request.user, verdict, note)
        words = ngettext("%d anomaly marked as %s.", "%d anomalies marked as %s.", changed)
        self.message_user(request, words % (changed, verdict.label.lower()), messages.SUCCESS)

    def _review_one(self, request: HttpRequest) -> HttpResponse:
        try:
            key, verdict = pressed_verdict(request.POST["review"])
            changed = review_anomalies(
                [key], request.user, verdict, request.POST.get("note") or None
            )
        except ValueError as error:
            raise SuspiciousOperation(str(error)) from error
        if changed:
            self.message_user(request, f"{Verdict(verdict).label}.", messages.SUCCESS)
        return HttpResponseRedirect(request.get_full_path())

    @admin.display(description="raised", ordering="time")
    def raised(self, anomaly: Anomaly) -> str:
        return two_lines(clock(anomaly.time), lasted_in_words(anomaly))

    @admin.display(description="session")
    def where(self, anomaly: Anomaly) -> str:
        return two_lines(anomaly.session, anomaly.session.event)

    @admin.display(description="type")
    def kind(self, anomaly: Anomaly) -> str:
        severity = format_html(
            '<span class="severity" data-severity="{}">{}</span> {}',
            anomaly.severity,
            anomaly.get_severity_display(),
            self.score(anomaly),
        )
        return two_lines(anomaly.get_type_display(), severity)

    @admin.display(description="score")
    def score(self, anomaly: Anomaly) -> str:
        return f"{anomaly.anomaly_score:.2f}"

    @admin.display(description="event")
    def event_now(self, anomaly: Anomaly) -> str:
        """The event that its session belongs to now, as a link."""
        event = anomaly.session.event
        address = reverse("admin:sessions_app_event_change", args=[event.pk])
        return format_html('<a href="{}">{}</a>', address, event)

    @admin.display(description="raised")
    def began(self, anomaly: Anomaly) -> str:
        return clock(anomaly.time)

    @admin.display(description="ended")
    def ended(self, anomaly: Anomaly) -> str:
        ended = anomaly.closed_at
        lasted = lasted_in_words(anomaly)
        return lasted if ended is None else f"{clock(ended)}, {lasted.removeprefix('ended ')}"

    @admin.display(description="engagement")
    def current(self, anomaly: Anomaly) -> str:
        return share(anomaly.current_engagement, 0)

    @admin.display(description="expected engagement")
    def expected(self, anomaly: Anomaly) -> str:
        return share(anomaly.expected_engagement, 0)

    @admin.display(description="score over time")
    def picture(self, anomaly: Anomaly) -> str:
        return anomaly.picture or DASH

    @admin.display(description="status")
    def status(self, anomaly: Anomaly) -> str:
        label = format_html(
            '<span class="status" data-status="{}">{}</span>',
            anomaly.status.value,
            anomaly.status.label,
        )
        return two_lines(label, person_of(anomaly))

    @admin.display(description="verdict")
    def verdict_buttons(self, anomaly: Anomaly) -> str:
        """A button for each verdict that it does not have; the list is a form."""
        buttons = format_html_join(
            "",
            '<button type="submit" class="verdict" name="review" value="{0}:{1}" '
            'aria-label="{2}: {3}">{2}</button>',
            (
                (verdict, anomaly.pk, words, f"{name_of(anomaly)}, {clock(anomaly.time)}")
                for verdict, words in VERDICT_BUTTONS.items()
                if verdict != anomaly.verdict
            ),
        )
        return format_html('<div class="verdicts">{}</div>', buttons)

    @admin.display(description="biggest change")
    def moved(self, anomaly: Anomaly) -> str:
        return move_in_words(anomaly)

    @admin.display(description="signals")
    def signal_values(self, anomaly: Anomaly) -> str:
        return table(signals_in_words(anomaly.signals))

    @admin.display(description="changes")
    def changes(self, anomaly: Anomaly) -> str:
        """Every change of the episode."""
        return table(map(change_in_words, anomaly.metadata.get("changes", ())))

    @admin.display(description="status")
    def status_now(self, anomaly: Anomaly) -> str:
        person = person_of(anomaly)
        return f"{anomaly.status.label}, by {person}" if person else anomaly.status.label

    @admin.display(description="history")
    def reviews(self, anomaly: Anomaly) -> str:
        """Its review history, newest first."""
        rows = AnomalyReview.objects.filter(anomaly_id=anomaly.pk).select_related("user")
        return table((clock(row.time), review_in_words(row)) for row in rows)
