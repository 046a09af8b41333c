"""That an event only stands in for one that the platform has not named is stored."""

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
    ]
