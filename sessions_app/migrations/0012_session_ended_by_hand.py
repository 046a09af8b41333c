"""Whether somebody ended a session by hand gets a column of its own.

It may be empty, as the release before goes on ending sessions without it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0011_database_epoch"),
    ]

    operations = [
        migrations.AddField(
            model_name="session",
            name="ended_by_hand",
            field=models.BooleanField(
                editable=False,
                help_text="Whether somebody ended it by hand. Empty while it is live.",
                null=True,
            ),
        ),
        # Nothing but the help text is new.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="session",
                    name="edited_at",
                    field=models.DateTimeField(
                        db_index=True,
                        editable=False,
                        help_text="When it was last changed outside the scorer, so that the scorer can follow.",
                        null=True,
                    ),
                ),
            ],
        ),
    ]
