"""``manage.py dead_letters``: payloads that were set aside as unreadable."""

from typing import Any

import msgspec
import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.ingest.dead_letters import MAXIMUM_LETTERS, KeptLetter, kept_letters
from sessions_app.redis_access.client import cluster_client, connect

SHOWN_CHARACTERS = 120


class Command(BaseCommand):
    help = "Lists the most recent dead letters, newest first, with the reason of each."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--limit", type=int, default=20, help="Number of letters. Default: 20.")
        parser.add_argument("--before", default="", metavar="ID", help="Only those older than ID.")
        parser.add_argument(
            "--json", action="store_true", help="One JSON object per line, with the full payload."
        )

    def handle(self, *args: Any, limit: int, before: str, json: bool, **options: Any) -> None:
        if not 1 <= limit <= MAXIMUM_LETTERS:
            raise CommandError(f"--limit must be from 1 to {MAXIMUM_LETTERS:,}.")
        client = connect()
        try:
            letters = kept_letters(cluster_client(client), limit, before)
        except ValueError as error:
            raise CommandError(f"--before: {error}.") from error
        except redis.RedisError as error:
            raise CommandError(f"Redis: {error}") from error
        finally:
            client.close()
        for letter in letters:
            self.stdout.write(msgspec.json.encode(letter).decode() if json else _as_text(letter))
        if not letters and not json:
            self.stdout.write("No dead letters.")


def _as_text(letter: KeptLetter) -> str:
    # Escaped, as payloads must not control the terminal.
    data = ascii(letter.data[:SHOWN_CHARACTERS])[1:-1]
    more = " ..." if len(letter.data) > SHOWN_CHARACTERS else ""
    where = f"{letter.channel} {letter.entry_id or '(Pub/Sub)'}"
    head = f"{letter.id}  {letter.time:%Y-%m-%d %H:%M:%S}  {where}, {letter.size:,} bytes"
    return f"{head}\n    {ascii(letter.reason)[1:-1]}\n    {data}{more}"
