"""``manage.py migrate``: Django's own command, with time limits for migrating a live database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

# A statement may take as long as it needs, but not block others: while it waits for a table's lock,
# every later query on that table queues behind it. A transaction that sits idle because its process
# hangs is ended, which releases its locks.
LIMITS = {
    "statement_timeout": "0",
    "lock_timeout": "3s",
    "idle_in_transaction_session_timeout": "60s",
}


class Command(migrate.Command):
    """Applies migrations while the product runs."""

    def handle(self, *args: Any, **options: Any) -> None:
        with migration_limits(connections[options["database"]]):
            super().handle(*args, **options)


@contextmanager
def migration_limits(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Applies :data:`LIMITS` to every connection that is opened in the block."""
    usual = connection.settings_dict["OPTIONS"]
    limits = " ".join(f"-c {name}={value}" for name, value in LIMITS.items())
    connection.close()
    # If a setting is given twice, the last one applies.
    connection.settings_dict["OPTIONS"] = {
        **usual,
        "options": f"{usual.get('options', '')} {limits}".strip(),
    }
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["OPTIONS"] = usual
