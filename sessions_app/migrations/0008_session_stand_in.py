"""Which stand-in is a session's own.

The reference has no constraint in the database: the version before deletes stand-ins that their
session has left, and knows nothing of it. It has a migration of its own, as each is one transaction
and should lock one table: two could wait for somebody who waits for them.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0007_event_is_stand_in"),
    ]

    operations = [
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
