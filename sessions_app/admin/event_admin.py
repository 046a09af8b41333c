"""Events in Django admin."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from sessions_app.admin.counted_deletion import CountedDeletion
from sessions_app.admin.deletion import delete_events
from sessions_app.admin.platform_id import PlatformIdForm
from sessions_app.models import Event


class HasOrganizerFilter(admin.SimpleListFilter):
    """Filters automatically created events that have no organizers yet."""

    title = "organizers"
    parameter_name = "assigned"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("no", "none yet"), ("yes", "assigned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() is None:
            return queryset
        return queryset.filter(organizers__isnull=self.value() == "no").distinct()


class StandInFilter(admin.SimpleListFilter):
    """Filters events, or stand-ins for events that the platform has not named."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [
            ("event", "events"),
            ("stand-in", "stand-ins"),
            ("same", "stand-ins with the same ID as an event"),
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


@admin.register(Event)
class EventAdmin(CountedDeletion):
    """Organizers of an event, and settings of scoring and detection."""

    form = PlatformIdForm
    list_display = (
        "title",
        "external_id",
        "is_stand_in",
        "session_count",
        "organizer_count",
        "created_at",
    )
    # Aggregation drops the model's ordering, and pages of unordered rows would overlap.
    ordering = ("title", "pk")
    list_filter = (HasOrganizerFilter, StandInFilter, "created_at")
    search_fields = ("title", "external_id")
    autocomplete_fields = ("organizers",)
    readonly_fields = ("is_stand_in", "created_at", "updated_at")
    fieldsets = (
        (None, {"fields": ("title", "external_id", "is_stand_in", "organizers")}),
        (
            "Score weights",
            {
                "description": "The score, from 0 to 1, is the sum of the first four parts minus "
                "the last. With weights that add up to 1, a session can reach 100 %; to emphasise "
                "a signal, raise its weight and lower others. Changes apply from the next tick.",
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
                "description": "Rates per minute beyond which more messages or reactions no longer "
                "raise the score. Raise them for events whose chats are always busy.",
                "fields": ("chat_saturation", "reaction_saturation"),
            },
        ),
        (
            "Detection",
            {
                "description": "What raises an alert. Changes apply from the next tick, within "
                "seconds; open alerts stay open until the session recovers.",
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
        # The ID of a stand-in is that of its session.
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
