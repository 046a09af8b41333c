"""``manage.py create_api_token NAME``: creates a token for the API."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from dashboard.models import ApiToken
from sessions_app.models import Event
from sessions_app.queries.querysets import EventQuerySet


class Command(BaseCommand):
    help = "Creates a token for the API and prints its secret, which is shown only once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="Who uses the token, and for what.")
        parser.add_argument(
            "--event",
            action="append",
            dest="events",
            metavar="ID",
            help="The platform's ID of an event that the token may see; repeatable. Default: all.",
        )
        parser.add_argument(
            "--session",
            action="append",
            dest="sessions",
            metavar="ID",
            help="The platform's ID of a session for which it has named no event; repeatable. The "
            "token sees that session, also after its event is named.",
        )
        parser.add_argument(
            "--write",
            action="store_true",
            help="Allow the token to announce breaks and ends of sessions.",
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
            raise CommandError(f"There is already a token named {name}; choose another name.")
        # Never mistake one for the other: an unrelated event may have the same ID as a session.
        chosen = _find(Event.objects.real(), events or [], "event")
        chosen += _find(Event.objects.stand_ins(), sessions or [], "session without an event")
        with transaction.atomic():
            token, secret = ApiToken.objects.issue(
                name=name, can_write=write, all_events=events is None and sessions is None
            )
            token.events.set(chosen)
        self.stdout.write(secret)


def _find(among: EventQuerySet, external_ids: list[str], kind: str) -> list[Event]:
    found = list(among.filter(external_id__in=external_ids))
    unknown = set(external_ids) - {event.external_id for event in found}
    if unknown:
        raise CommandError(f"No such {kind}: {', '.join(sorted(unknown))}")
    return found
