"""Events and sessions in Django admin."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count, QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone

from sessions_app.announcing import (
    begin_break,
    end_break,
    end_session,
    overlap,
    reopen_session,
)
from sessions_app.checked_list import CheckedAdmin
from sessions_app.counted_deletion import CountedDeletion
from sessions_app.deleting import delete_events, delete_sessions
from sessions_app.events import has_control_characters
from sessions_app.models import Event, Pause, Session


class HasOrganizerFilter(admin.SimpleListFilter):
    """Events that created themselves wait here for somebody to look after them."""

    title = "organizers"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("no", "none yet"), ("yes", "assigned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(organizers__isnull=self.value() == "no").distinct()


class StandInFilter(admin.SimpleListFilter):
    """Events, or what stands in for those that the platform has not named."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [
            ("event", "events"),
            ("stand-in", "stand-ins"),
            ("same", "stand-ins with the ID of an event"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "event":
            return queryset.filter(is_stand_in=False)
        if self.value() == "stand-in":
            return queryset.filter(is_stand_in=True)
        if self.value() == "same":
            names = Event.objects.real().values("external_id")
            return queryset.filter(is_stand_in=True, external_id__in=names)
        return queryset


class PlatformIdForm(forms.ModelForm):
    """A form in which the platform's ID is one that the platform's events can have."""

    def clean_external_id(self) -> str:
        external_id: str = self.cleaned_data["external_id"]
        # One from before is left: nobody could save anything else of its row.
        if "external_id" in self.changed_data and has_control_characters(external_id):
            raise ValidationError("An ID has no control characters: no event could name it.")
        return external_id


@admin.register(Event)
class EventAdmin(CountedDeletion):
    """Who looks after an event, and how its sessions are scored."""

    form = PlatformIdForm
    list_display = (
        "title",
        "external_id",
        "is_stand_in",
        "session_count",
        "organizer_count",
        "created_at",
    )
    # That of the model is lost with the counts, and pages of what has no order overlap.
    ordering = ("title", "pk")
    list_filter = (HasOrganizerFilter, StandInFilter, "created_at")
    search_fields = ("title", "external_id")
    autocomplete_fields = ("organizers",)
    readonly_fields = ("is_stand_in", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("title", "external_id", "is_stand_in", "organizers")}),
        (
            "Weights of the score",
            {
                "description": "The score is the sum of four parts, minus the last, from 0 to 1. "
                "With weights that add up to 1 a session can reach 100 %; more of one signal means "
                "a larger weight for it, not a larger sum. A change is used from the next tick.",
                "fields": (
                    "chat_weight",
                    "poll_weight",
                    "active_users_weight",
                    "reaction_weight",
                    "leave_weight",
                ),
            },
        ),
        (
            "Saturation",
            {
                "description": "From how many a minute on more makes no difference. Raise it for "
                "events whose chats are always full.",
                "fields": ("chat_saturation", "reaction_saturation"),
            },
        ),
        (
            "Detection",
            {
                "description": "What raises an alert. A change is used from the next tick, within "
                "seconds; alerts that are open stay open until the session recovers.",
                "fields": (
                    "sensitivity",
                    "sudden_drop_threshold",
                    "mass_exit_threshold",
                    "low_engagement_threshold",
                    "warning_threshold",
                    "critical_threshold",
                    "mute_sudden_drop",
                    "mute_gradual_decline",
                    "mute_mass_exit",
                    "mute_low_engagement",
                ),
            },
        ),
        ("Times", {"fields": ("created_at", "updated_at")}),
    )

    def get_readonly_fields(
        self, request: HttpRequest, obj: Event | None = None
    ) -> tuple[str, ...]:
        # That of a stand-in is its session's.
        fixed = obj is not None and obj.is_stand_in
        return (*self.readonly_fields, "external_id") if fixed else self.readonly_fields

    def delete_keys(self, keys: list[int]) -> None:
        delete_events(keys)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return (
            super()
            .get_queryset(request)
            .annotate(
                session_total=Count("sessions", distinct=True),
                organizer_total=Count("organizers", distinct=True),
            )
        )

    @admin.display(description="sessions", ordering="session_total")
    def session_count(self, event: Event) -> int:
        return event.session_total

    @admin.display(description="organizers", ordering="organizer_total")
    def organizer_count(self, event: Event) -> int:
        return event.organizer_total


class PauseFormSet(BaseInlineFormSet):
    """The pauses of one session, none at the same time as another."""

    def clean(self) -> None:
        super().clean()
        stay = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data.get("starts_at") and not form.cleaned_data.get("DELETE")
        ]
        if overlap((pause["starts_at"], pause.get("ends_at")) for pause in stay):
            raise ValidationError("Two pauses overlap.")


class PauseInline(admin.TabularInline):
    """When a session may fall silent without an alert."""

    model = Pause
    formset = PauseFormSet
    extra = 0


class IsLiveFilter(admin.SimpleListFilter):
    """Live sessions, or those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("live", "live"), ("over", "over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "live")


@admin.register(Session)
class SessionAdmin(CountedDeletion):
    """Sessions, their titles, the event that they belong to, and whether they are over."""

    form = PlatformIdForm
    list_display = ("title", "event", "external_id", "started_at", "last_seen_at", "ended_at")
    list_filter = (IsLiveFilter, "started_at")
    list_select_related = ("event",)
    search_fields = ("title", "external_id", "event__title")
    autocomplete_fields = ("event",)
    readonly_fields = ("started_at", "last_seen_at")
    fields = ("title", "external_id", "event", "started_at", "last_seen_at", "ended_at")
    inlines = (PauseInline,)
    actions = ("begin_breaks", "end_breaks", "end_sessions", "open_sessions")

    def get_readonly_fields(
        self, request: HttpRequest, obj: Session | None = None
    ) -> tuple[str, ...]:
        # By its ID the platform's events find the session: another one would split it in two.
        return self.readonly_fields if obj is None else (*self.readonly_fields, "external_id")

    def delete_keys(self, keys: list[int]) -> None:
        delete_sessions(keys)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A form that was opened before the session ended must not open it again.
        if db_field.name == "ended_at":
            kwargs["show_hidden_initial"] = True
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        now = timezone.now()
        if not change:
            obj.started_at = obj.last_seen_at = now
            super().save_model(request, obj, form, change)
            return
        edited = {*form.changed_data, "edited_at"}
        if "ended_at" in edited and not obj.is_over:
            obj.last_seen_at = now
            edited.add("last_seen_at")
        # The scorer writes to the other columns at the same time.
        obj.save(update_fields=edited)

    @admin.action(description="Announce a break now", permissions=["change"])
    def begin_breaks(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, begin_break, "Paused")

    @admin.action(description="Break is over", permissions=["change"])
    def end_breaks(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, end_break, "Resumed")

    @admin.action(description="End the selected sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, end_session, "Ended")

    @admin.action(description="Open the selected sessions again", permissions=["change"])
    def open_sessions(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, reopen_session, "Opened")

    def _announce(
        self,
        request: HttpRequest,
        sessions: QuerySet[Session],
        announce: Callable[[Session, datetime], bool],
        done: str,
    ) -> None:
        now, count = timezone.now(), 0
        with transaction.atomic():
            for session in sessions.order_by("pk").select_for_update(of=("self",)):
                if announce(session, now):
                    self.log_change(request, session, f"{done}.")
                    count += 1
        plural = "" if count == 1 else "s"
        self.message_user(request, f"{done} {count} session{plural}.")


admin.site.unregister([get_user_model(), Group])


@admin.register(get_user_model())
class AccountAdmin(CountedDeletion, UserAdmin):
    """Django's own; with a user goes the record of what that user did in the admin."""


@admin.register(Group)
class CheckedGroupAdmin(CheckedAdmin, GroupAdmin):
    """Django's own, with checked addresses."""
