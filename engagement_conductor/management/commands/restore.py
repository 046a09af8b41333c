"""``manage.py restore``: restores the database from a file of ``back_up``."""

from pathlib import Path
from typing import Any

import redis
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from engagement_conductor.database.backups import (
    BackupError,
    active_processes,
    delete_state,
    restore,
)
from sessions_app.redis_access.client import connect


class Command(BaseCommand):
    help = "Restores a backup. Stop collectors, workers, beat and web servers first."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="A file written by manage.py back_up.")
        parser.add_argument(
            "--replace", action="store_true", help="Delete the current contents of the database."
        )

    def handle(self, *args: Any, file: Path, replace: bool, **options: Any) -> None:
        client = connect()
        try:
            if active := active_processes(client):
                raise CommandError(
                    f"Active within the last 20 s: {', '.join(active)}. Stop collectors, "
                    "workers, beat and web servers, and try again after 20 seconds."
                )
            self.stdout.write("Restoring ...")
            restore(file, replace)
            deleted = delete_state(client)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        except redis.RedisError as error:
            raise CommandError(f"Redis: {error}") from error
        finally:
            client.close()
        # A backup of an older version lacks later migrations.
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write(f"Restored {file}; deleted {deleted} keys on Redis.")
