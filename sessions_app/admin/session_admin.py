"""Sessions and their breaks in Django admin."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone

from sessions_app.admin.counted_deletion import CountedDeletion
from sessions_app.admin.deletion import delete_sessions
from sessions_app.admin.platform_id import PlatformIdForm
from sessions_app.control.announcements import (
    begin_break,
    end_break,
    end_session,
    overlap,
    reopen_session,
)
from sessions_app.models import Pause, Session


class PauseFormSet(BaseInlineFormSet):
    """The pauses of one session, which must not overlap."""

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
    """Periods in which a session may fall silent without an alert."""

    model = Pause
    formset = PauseFormSet
    extra = 0


class IsLiveFilter(admin.SimpleListFilter):
    """Filters live or ended sessions."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("live", "live"), ("over", "ended")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(ended_at__isnull=self.value() == "live")


@admin.register(Session)
class SessionAdmin(CountedDeletion):
    """Sessions: title, event, end, and announced pauses."""

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
        # Platform events find the session by its ID: changing it would split the session in two.
        return self.readonly_fields if obj is None else (*self.readonly_fields, "external_id")

    def delete_keys(self, keys: list[int]) -> None:
        delete_sessions(keys)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        # A form opened before the session ended must not reopen it.
        if db_field.name == "ended_at":
            kwargs["show_hidden_initial"] = True
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: Session, form: Any, change: bool) -> None:
        now = timezone.now()
        if not change:
            obj.started_at = obj.last_seen_at = obj.edited_at = now
            obj.ended_by_hand = True if obj.is_over else None
            super().save_model(request, obj, form, change)
            return
        edited = set(form.changed_data)
        if "ended_at" in edited and not obj.is_over:
            obj.last_seen_at = now
            edited.add("last_seen_at")
        # Only these fields, as the scorer writes to others at the same time.
        obj.save_edit(*edited)

    @admin.action(description="Announce a break now", permissions=["change"])
    def begin_breaks(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, begin_break, "Paused")

    @admin.action(description="End the break", permissions=["change"])
    def end_breaks(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, end_break, "Resumed")

    @admin.action(description="End the selected sessions", permissions=["change"])
    def end_sessions(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, end_session, "Ended")

    @admin.action(description="Reopen the selected sessions", permissions=["change"])
    def open_sessions(self, request: HttpRequest, sessions: QuerySet[Session]) -> None:
        self._announce(request, sessions, reopen_session, "Reopened")

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
