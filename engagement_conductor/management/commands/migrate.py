"""``manage.py migrate``: Django's own, with other limits of time than those of the product."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# A statement may take as long as it must. It may not keep others waiting: whoever waits for a lock
# on a table has everybody behind it wait, too. And a migration that stands still in a transaction,
# because its process does, gives its locks back.
LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "60s",
}


class Command(migrate.Command):
    """Applies migrations while the product goes on."""

    def handle(self, *args: Any, **options: Any) -> None:
        with limits_of_migrations(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def limits_of_migrations(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Lets every connection that is opened in the block have :data:`LIMITS`."""
    usual = connection.settings_dict["OPTIONS"]
    limits = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    connection.close()
    # Of settings that are given twice, the last one counts.
    connection.settings_dict["OPTIONS"] = {
        **usual,
        "options": f"{usual.get('options', '')} {limits}".strip(),
    }
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = usual
