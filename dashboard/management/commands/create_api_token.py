"""``manage.py create_api_token NAME``: lets a program use the API."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from dashboard.models import ApiToken
from sessions_app.models import Event


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
            "--write", action="store_true", help="Let it announce breaks and ends of sessions."
        )

    def handle(
        self, *args: Any, name: str, events: list[str] | None, write: bool, **options: Any
    ) -> None:
        if ApiToken.objects.filter(name=name).exists():
            raise CommandError(f"There is a token named {name}: take another name.")
        chosen = list(Event.objects.filter(external_id__in=events or []))
        unknown = set(events or []) - {event.external_id for event in chosen}
        if unknown:
            raise CommandError(f"No such event: {', '.join(sorted(unknown))}")
        with transaction.atomic():
            token, secret = ApiToken.objects.issue(
                name=name, can_write=write, all_events=events is None
            )
            token.events.set(chosen)
        self.stdout.write(secret)
