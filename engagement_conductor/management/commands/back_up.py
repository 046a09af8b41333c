"""``manage.py back_up``: writes the whole database to a file."""

import time
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from engagement_conductor.database.backups import BackupError, dump


class Command(BaseCommand):
    help = "Writes the whole database to a new file. The product can keep running."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        began = time.monotonic()
        self.stdout.write("Writing ...")
        try:
            dump(file)
        except (BackupError, OSError) as error:
            raise CommandError(str(error)) from error
        megabytes, seconds = file.stat().st_size / 1e6, time.monotonic() - began
        self.stdout.write(f"{file}: {megabytes:.1f} MB in {seconds:.1f} s.")
