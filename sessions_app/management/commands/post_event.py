"""``manage.py post_event``: posts one event to Redis as the platform does."""

from typing import Any

import redis
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sessions_app.redis_access import keys
from sessions_app.redis_access.client import cluster_client, connect


class Command(BaseCommand):
    help = "Posts one platform event to Redis, byte for byte, for manual tests."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=keys.CHANNELS, help="The stream or channel.")
        parser.add_argument("payload", help="The payload, usually JSON.")
        parser.add_argument(
            "--pubsub", action="store_true", help="PUBLISH it instead of adding it to a stream."
        )

    def handle(self, *args: Any, name: str, payload: str, pubsub: bool, **options: Any) -> None:
        client = cluster_client(connect())
        try:
            if pubsub:
                self.stdout.write(f"Subscribers that received it: {client.publish(name, payload)}.")
            else:
                self.stdout.write(client.xadd(name, {"data": payload}).decode())
        except redis.RedisError as error:
            raise CommandError(f"Redis: {error}") from error
        finally:
            client.close()
