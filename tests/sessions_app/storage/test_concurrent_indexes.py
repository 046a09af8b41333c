"""Indexes that are built while a table is in use."""

import pytest
from django.db import connection, models

from anomalies_app.models import Anomaly
from sessions_app.models import Event
from sessions_app.storage.concurrent_indexes import AddIndexConcurrently, AddUniqueConcurrently
from tests.engagement_conductor.management.commands.test_migrate import apply

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


def index_names(table: str) -> dict[str, bool]:
    """The indexes of a table, and whether each is of use."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, indisvalid FROM pg_index JOIN pg_class ON oid = indexrelid"
            " WHERE indrelid = %s::regclass",
            [table],
        )
        return dict(cursor.fetchall())


def test_an_index_that_was_left_unfinished_is_built_again() -> None:
    table = Event._meta.db_table
    constraint = models.UniqueConstraint(fields=["title"], name="titles_once")
    Event.objects.bulk_create(Event(external_id=f"{n}", title="same") for n in range(2))
    operation = AddUniqueConcurrently("event", constraint)
    with pytest.raises(Exception, match="could not create unique index"):
        apply(operation)
    assert index_names(table)["titles_once"] is False
    Event.objects.all().delete()
    try:
        for _ in range(2):
            apply(operation)
        assert index_names(table)["titles_once"] is True
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT titles_once")


@pytest.mark.parametrize("name", ["anomaly", "event"])
def test_an_index_is_built_while_the_table_is_written_to(name: str) -> None:
    """On a plain table and on a hypertable, again and again."""
    model, field = (Anomaly, "reason") if name == "anomaly" else (Event, "title")
    index = models.Index(fields=[field], name="for_a_test", condition=models.Q(**{field: "x"}))
    table = model._meta.db_table
    try:
        for _ in range(2):
            apply(AddIndexConcurrently(name, index))
            assert index_names(table)["for_a_test"] is True
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX for_a_test")
