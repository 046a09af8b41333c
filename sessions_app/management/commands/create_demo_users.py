"""``manage.py create_demo_users``: the demo's organizer and admin, with new passwords."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from sessions_app.simulation import demo


class Command(BaseCommand):
    help = "Creates the demo's organizer and admin, or resets their passwords, and prints them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--event", default=demo.DEMO_EVENT_ID, help="The demo's event ID.")

    def handle(self, *args: Any, event: str, **options: Any) -> None:
        organizer = demo.renew_demo_user(demo.DEMO_ORGANIZER, admin=False)
        admin = demo.renew_demo_user(demo.DEMO_ADMIN, admin=True)
        demo.ensure_event(event)
        self.stdout.write(f"organizer: {demo.DEMO_ORGANIZER} {organizer}")
        self.stdout.write(f"admin: {demo.DEMO_ADMIN} {admin}")
