"""Which changes migrations may make to tables in use, as documented in docs/operations.md."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import migrations, models
from django.db.migrations import operations
from django.db.migrations.loader import MigrationLoader

from sessions_app.storage.concurrent_indexes import AddIndexConcurrently, AddUniqueConcurrently

OURS = ("sessions_app", "anomalies_app", "dashboard")
CONCURRENT = (AddIndexConcurrently, AddUniqueConcurrently)
BUILDS = (operations.AddIndex, operations.AddConstraint)
NEVER_UPGRADED = "before the first release: no earlier version could be running meanwhile"
# Allowed exceptions to the rules, with reasons.
HISTORY = {
    ("anomalies_app", "0002_anomaly_episode"): NEVER_UPGRADED,
    ("anomalies_app", "0003_anomaly_review"): NEVER_UPGRADED,
    ("anomalies_app", "0004_acknowledgement"): NEVER_UPGRADED,
    ("sessions_app", "0002_detection_settings"): NEVER_UPGRADED,
    (
        "sessions_app",
        "0003_session_ended_at",
    ): "the index existed; only the help text is new",
}
# Allowed to change several tables: Django's bookkeeping only, or from before the first release.
SEVERAL_TABLES = {
    ("anomalies_app", "0004_acknowledgement"),
    ("anomalies_app", "0006_event_is_history"),
}


def of_the_product() -> dict[tuple[str, str], migrations.Migration]:
    found = MigrationLoader(None).disk_migrations
    return {key: found[key] for key in sorted(found) if key[0] in OURS}


def faults(migration: migrations.Migration) -> list[str]:
    """Violations of the rules on tables that the migration has not created itself."""
    made = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, operations.CreateModel)
    }
    return [
        f"{operation.describe()}: {fault}"
        for operation in _in_the_database(migration.operations)
        if getattr(operation, "model_name_lower", None) not in made
        for fault in _faults_of(operation)
    ]


def _in_the_database(given: list[Any]) -> Iterator[Any]:
    for operation in given:
        if isinstance(operation, operations.SeparateDatabaseAndState):
            yield from _in_the_database(operation.database_operations)
        else:
            yield operation


def _faults_of(operation: Any) -> Iterator[str]:
    if isinstance(operation, BUILDS) and not isinstance(operation, CONCURRENT):
        yield "locks the table while it is built"
    if isinstance(operation, operations.AddField):
        yield from _faults_of_column(operation.field)
    if isinstance(operation, operations.AlterField) and _has_index(operation.field):
        yield "may build an index"
    if isinstance(operation, (operations.RemoveField, operations.DeleteModel)):
        yield "drops what the version before needs"
    if isinstance(operation, operations.RunSQL):
        text = str(operation.sql).upper()
        if "INDEX" in text and "CONCURRENTLY" not in text:
            yield "builds an index"


def _faults_of_column(field: Any) -> Iterator[str]:
    if not field.null and not field.many_to_many and not field.has_db_default():
        yield "the version before does not fill the column"
    if _has_index(field):
        yield "builds an index"


def _has_index(field: Any) -> bool:
    reference = getattr(field, "db_constraint", False)
    return bool(field.db_index or field.unique or reference) and not field.many_to_many


@pytest.mark.parametrize("key", of_the_product(), ids=".".join)
def test_a_migration_does_not_block_tables_in_use(key: tuple[str, str]) -> None:
    found = faults(of_the_product()[key])
    assert bool(found) == (key in HISTORY), found


@pytest.mark.parametrize("key", of_the_product(), ids=".".join)
def test_concurrent_builds_run_outside_transactions(key: tuple[str, str]) -> None:
    migration = of_the_product()[key]
    concurrent = [each for each in migration.operations if isinstance(each, CONCURRENT)]
    assert not (concurrent and migration.atomic)


@pytest.mark.parametrize("key", of_the_product(), ids=".".join)
def test_a_transaction_locks_one_table_that_is_in_use(key: tuple[str, str]) -> None:
    """Two locks could deadlock with a reader that takes them in the other order."""
    migration = of_the_product()[key]
    changing = (operations.AddField, operations.RemoveField, operations.AlterField)
    changed = {
        operation.model_name_lower
        for operation in _in_the_database(migration.operations)
        if isinstance(operation, (*changing, *BUILDS))
    }
    made = {
        operation.name_lower
        for operation in migration.operations
        if isinstance(operation, operations.CreateModel)
    }
    assert len(changed - made) <= 1 or not migration.atomic or key in SEVERAL_TABLES


INDEX = models.Index(fields=["time"], name="x")


@pytest.mark.parametrize(
    ("operation", "is_fault"),
    [
        (operations.AddIndex("anomaly", INDEX), True),
        (AddIndexConcurrently("anomaly", INDEX), False),
        (
            operations.AddConstraint("anomaly", models.UniqueConstraint(fields=["x"], name="x")),
            True,
        ),
        (operations.AddField("anomaly", "x", models.IntegerField(null=True)), False),
        (operations.AddField("anomaly", "x", models.IntegerField(db_default=0)), False),
        (operations.AddField("anomaly", "x", models.IntegerField(default=0)), True),
        (operations.AddField("anomaly", "x", models.IntegerField(null=True, unique=True)), True),
        (operations.AddField("anomaly", "x", models.IntegerField(null=True, db_index=True)), True),
        (
            operations.AddField(
                "anomaly", "x", models.ForeignKey("x", models.CASCADE, null=True, db_index=False)
            ),
            True,
        ),
        (operations.RunSQL("CREATE INDEX x ON anomalies (time)"), True),
        (operations.RunSQL("CREATE INDEX CONCURRENTLY x ON anomalies (time)"), False),
        (
            operations.SeparateDatabaseAndState(
                database_operations=[operations.AddIndex("anomaly", INDEX)]
            ),
            True,
        ),
        (operations.RemoveField("anomaly", "event"), True),
    ],
)
def test_the_rules_detect_violations(operation: Any, is_fault: bool) -> None:
    migration = migrations.Migration("0099_x", "anomalies_app")
    migration.operations = [operation]
    assert bool(faults(migration)) == is_fault


def test_new_tables_are_exempt() -> None:
    migration = migrations.Migration("0099_x", "anomalies_app")
    column = ("time", models.DateTimeField(db_index=True))
    migration.operations = [
        operations.CreateModel("New", fields=[column]),
        operations.AddIndex("new", INDEX),
    ]
    assert not faults(migration)
