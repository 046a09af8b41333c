"""One database engine for TimescaleDB and plain PostgreSQL.

It uses django-timescaledb's schema editor if the server has the extension, otherwise Django's own.
That is decided per connection and not in the settings, so that the same configuration works with
the embedded PostgreSQL and with a TimescaleDB server.
"""

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.backends.postgresql.base import DatabaseWrapper as PostgresDatabaseWrapper
from django.db.backends.postgresql.schema import DatabaseSchemaEditor
from django.db.utils import Error, OperationalError
from django.utils.functional import cached_property
from timescale.db.backends.postgresql.schema import TimescaleSchemaEditor
from timescale.db.models.fields import TimescaleDateTimeField

logger = logging.getLogger(__name__)


class HypertableSchemaEditor(TimescaleSchemaEditor):
    """Keeps a primary key that contains the partitioning column, which TimescaleDB allows."""

    def _drop_primary_key(self, model: type[models.Model]) -> None:
        key_fields = getattr(model._meta, "pk_fields", [model._meta.pk])
        if not any(isinstance(field, TimescaleDateTimeField) for field in key_fields):
            super()._drop_primary_key(model)


class DatabaseWrapper(PostgresDatabaseWrapper):
    """PostgreSQL with or without TimescaleDB."""

    @property
    def SchemaEditorClass(self) -> type[DatabaseSchemaEditor]:  # noqa: N802
        return HypertableSchemaEditor if self.has_timescaledb else DatabaseSchemaEditor

    @SchemaEditorClass.setter
    def SchemaEditorClass(self, value: object) -> None:  # noqa: N802
        raise AttributeError("The server determines the schema editor; it cannot be set.")

    @cached_property
    def has_timescaledb(self) -> bool:
        """Whether the extension is installed in this database."""
        with self.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')")
            return bool(cursor.fetchone()[0])

    def prepare_database(self) -> None:
        super().prepare_database()
        self._install_timescaledb()
        self.__dict__.pop("has_timescaledb", None)
        if settings.TIMESCALEDB_REQUIRED and not self.has_timescaledb:
            raise ImproperlyConfigured(
                "TIMESCALEDB_REQUIRED is True, but the server of DATABASE_URL has no TimescaleDB "
                "(is timescaledb in its shared_preload_libraries?)."
            )

    def _install_timescaledb(self) -> None:
        with self.cursor() as cursor:
            cursor.execute("SELECT FROM pg_available_extensions WHERE name = 'timescaledb'")
            if cursor.fetchone() is None:
                return
        try:
            with self.cursor() as cursor:
                cursor.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        except Error as error:
            logger.warning("The server has TimescaleDB, but it cannot be used: %s", error)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        try:
            return super().get_new_connection(conn_params)
        except Exception as error:
            if settings.DATABASE_URL or not isinstance(error, self.Database.OperationalError):
                raise
            raise OperationalError(
                "No database: DATABASE_URL is not set, and no embedded server is running. "
                "Run `make up`, or set DATABASE_URL=postgresql://user:password@host/name."
            ) from error
