"""Migration operations that do not block a table's readers and writers.

A migration that contains one is not atomic. It can be run again, whatever stopped it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres import operations
from django.db.migrations import AddConstraint
from django.db.models import Index, Model, UniqueConstraint

from sessions_app.storage.hypertables import is_hypertable

# Hypertables do not support CONCURRENTLY, but this locks writers out of one chunk at a time only.
_BY_CHUNK = (
    "CREATE INDEX %(name)s ON %(table)s%(using)s (%(columns)s)%(include)s"
    " WITH (timescaledb.transaction_per_chunk)%(extra)s%(condition)s"
)


class AddIndexConcurrently(operations.AddIndexConcurrently):
    """Django's operation, made repeatable and aware of hypertables."""

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        if _is_chunked(schema_editor, model):
            # Others queue behind these locks, so the lock timeout of all migrations applies.
            self._ensure_not_in_transaction(schema_editor)
            schema_editor.execute(f"DROP INDEX IF EXISTS {_name(schema_editor, self.index)}")
            schema_editor.execute(self.index.create_sql(model, schema_editor, sql=_BY_CHUNK))
            return
        with _patient(schema_editor):
            _drop_leftover(schema_editor, self.index)
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        if _is_chunked(schema_editor, model):
            schema_editor.remove_index(model, self.index)
            return
        super().database_backwards(app_label, schema_editor, from_state, to_state)


class AddUniqueConcurrently(operations.NotInTransactionMixin, AddConstraint):
    """Adds a unique constraint on columns, building its index while the table is in use."""

    atomic = False
    constraint: UniqueConstraint

    def describe(self) -> str:
        return f"Concurrently create constraint {self.constraint.name} on {self.model_name}"

    def database_forwards(
        self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any
    ) -> None:
        self._ensure_not_in_transaction(schema_editor)
        model = to_state.apps.get_model(app_label, self.model_name)
        name = _name(schema_editor, self.constraint)
        table = schema_editor.quote_name(model._meta.db_table)
        if self._exists(schema_editor, table):
            return
        columns = ", ".join(
            schema_editor.quote_name(model._meta.get_field(field).column)
            for field in self.constraint.fields
        )
        with _patient(schema_editor):
            _drop_leftover(schema_editor, self.constraint)
            schema_editor.execute(f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns})")
        schema_editor.execute(
            f"ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
        )

    def _exists(self, schema_editor: Any, table: str) -> bool:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_constraint"
                " WHERE conname = %s AND conrelid = %s::regclass)",
                [self.constraint.name, table],
            )
            return bool(cursor.fetchone()[0])


@contextmanager
def _patient(schema_editor: Any) -> Iterator[None]:
    """Lifts the lock timeout, for ``CONCURRENTLY`` statements only.

    Their locks block nobody, and the transactions they wait for may be long.
    """
    schema_editor.execute("SET lock_timeout = 0")
    try:
        yield
    finally:
        schema_editor.execute("RESET lock_timeout")


def _drop_leftover(schema_editor: Any, what: Index | UniqueConstraint) -> None:
    """Drops the invalid index that an interrupted build leaves behind, which blocks a retry."""
    schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {_name(schema_editor, what)}")


def _name(schema_editor: Any, what: Index | UniqueConstraint) -> str:
    name: str = schema_editor.quote_name(what.name)
    return name


def _is_chunked(schema_editor: Any, model: type[Model]) -> bool:
    with schema_editor.connection.cursor() as cursor:
        return is_hypertable(cursor, model._meta.db_table)
