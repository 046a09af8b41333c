"""``manage.py create_api_token NAME``: lets a program use the API."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from dashboard.models import ApiToken
from sessions_app.models import Event
from sessions_app.queries.querysets import EventQuerySet


class Command(BaseCommand):
    help = "Makes a token for the API and prints it, this once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Who uses it, and for what.")
        parser.add_argument(
            "--event",
            action="append",
            dest="events",
            metavar="ID",
            help="The platform's ID of an event that it sees, as often as needed; without, all.",
        )
        parser.add_argument(
            "--session",
            action="append",
            dest="sessions",
            metavar="ID",
            help="The platform's ID of a session whose event it has not named: the token sees that "
            "session, and keeps it if the event is named later.",
        )
        parser.add_argument(
            "--write", action="store_true", help="Let it announce breaks and ends of sessions."
        )

    def handle(
        self,
        *args: Any,
        name: str,
        events: list[str] | None,
        sessions: list[str] | None,
        write: bool,
        **options: Any,
    ) -> None:
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"There is a token named {name}: take another name.")
        # Never one for the other: an event and a session of somebody else may have the same ID.
        chosen = _named(Event.objects.real(), events or [], "event")
        chosen += _named(Event.objects.stand_ins(), sessions or [], "session without an event")
        with transaction.atomic():
            token, secret = ApiToken.objects.issue(
                name=name, can_write=write, all_events=events is None and sessions is None
            )
            token.events.set(chosen)
        self.stdout.write(secret)


def _named(among: EventQuerySet, external_ids: list[str], kind: str) -> list[Event]:
    found = list(among.filter(external_id__in=external_ids))
    unknown = set(external_ids) - {event.external_id for event in found}
    if unknown:
        raise CommandError(f"No such {kind}: {', '.join(sorted(unknown))}")
    return found
