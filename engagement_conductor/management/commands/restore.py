"""``manage.py restore``: fills the database from a file of ``back_up``."""

from pathlib import Path
from typing import Any

import redis
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engagement_conductor.database.backups import BackupError, forget_state, restore, who_is_working
from sessions_app.redis_access.client import connect


class Command(BaseCommand):
    help = "Fills the database from a backup. Collectors, workers and beat must have ended."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="A file of manage.py back_up.")
        parser.add_argument(
            "--replace", action="store_true", help="Delete what is in the database now."
        )

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        client = connect()
        try:
            working = who_is_working(client)
            if working:
                raise CommandError(
                    f"At work a moment ago: {', '.join(working)}. Stop collectors, workers, beat "
                    "and web servers, and try again after 20 seconds."
                )
            self.stdout.write("Restoring ...")
            restore(file, replace)
            forgotten = forget_state(client)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        except redis.RedisError as error:
            raise CommandError(f"Redis: {error}") from error
        finally:
            client.close()
        # A backup of an older version lacks what has come since.
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write(f"Restored {file}; forgot {forgotten} keys on Redis.")
