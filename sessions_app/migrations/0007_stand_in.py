"""That an event stands in for another is stored, and so is which session it does that for.

The reference has no constraint in the database: the version before deletes stand-ins that their
session has left, and knows nothing of it.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0006_system_page"),
    ]

    operations = [
        migrations.AddField(
            model_name="event",
            name="is_stand_in",
            field=models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                help_text="Whether it stands in for the event of one session, of which the platform has named none. The ID is then the session's, and has nothing to do with IDs of events.",
                verbose_name="stand-in",
            ),
        ),
        migrations.AddField(
            model_name="session",
            name="stand_in",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                editable=False,
                help_text="The event of its own that stands in until the platform has named one.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="sessions_app.event",
            ),
        ),
    ]
