"""Only help texts change; the database stays as it is."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("dashboard", "0002_login_place"),
        ("sessions_app", "0014_help_texts"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="apitoken",
                    name="all_events",
                    field=models.BooleanField(
                        default=False,
                        help_text="Whether it sees all events, including future ones.",
                    ),
                ),
                migrations.AlterField(
                    model_name="apitoken",
                    name="events",
                    field=models.ManyToManyField(
                        blank=True,
                        help_text="The events it sees, unless it sees all.",
                        related_name="api_tokens",
                        to="sessions_app.event",
                    ),
                ),
                migrations.AlterField(
                    model_name="apitoken",
                    name="name",
                    field=models.CharField(
                        help_text="Who uses the token, and for what.", max_length=100, unique=True
                    ),
                ),
            ],
        ),
    ]
