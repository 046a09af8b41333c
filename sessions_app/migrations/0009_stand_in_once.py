"""IDs of events are unique among events, and those of stand-ins among stand-ins."""

from django.db import migrations, models

from sessions_app.storage.concurrent_indexes import AddUniqueConcurrently


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("sessions_app", "0008_session_stand_in"),
    ]

    operations = [
        AddUniqueConcurrently(
            model_name="event",
            constraint=models.UniqueConstraint(
                fields=("external_id", "is_stand_in"), name="event_external_id_once"
            ),
        ),
        AddUniqueConcurrently(
            model_name="session",
            constraint=models.UniqueConstraint(fields=("stand_in",), name="session_stand_in_once"),
        ),
        migrations.AlterField(
            model_name="event",
            name="external_id",
            field=models.CharField(
                help_text="The platform's event ID; of a stand-in, its session's ID.",
                max_length=255,
            ),
        ),
    ]
