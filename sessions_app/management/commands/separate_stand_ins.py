"""``manage.py separate_stand_ins``: after an upgrade during which the version before went on."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand

from sessions_app.storage.stand_in_repair import separate_stand_ins


class Command(BaseCommand):
    help = (
        "Does what the migration of the same name does, for sessions that a process of the version "
        "before has created since. To be run once, when all processes are of this version."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        repaired = separate_stand_ins(apps)
        self.stdout.write(
            f"{repaired.marked} stand-ins marked, {repaired.moved} sessions moved to stand-ins of "
            f"their own, {repaired.left} left where a person has put them."
        )
