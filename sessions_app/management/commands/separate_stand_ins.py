"""``manage.py separate_stand_ins``: after an upgrade with the release before still running."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand

from sessions_app.storage.stand_in_repair import separate_stand_ins


class Command(BaseCommand):
    help = (
        "Repeats the migration of the same name, for sessions that the previous release has "
        "created since. Run it once, when all processes run this release."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        repaired = separate_stand_ins(apps)
        self.stdout.write(
            f"{repaired.marked} stand-ins marked, {repaired.moved} sessions moved to stand-ins of "
            f"their own, {repaired.left} left where a person had put them."
        )
