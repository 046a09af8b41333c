"""Where people have logged in, and who waits to, so that guesses at a name are slow."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("dashboard", "0001_api_token")]

    operations = [
        migrations.CreateModel(
            name="LoginPlace",
            fields=[
                ("digest", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("waits_since", models.DateTimeField(db_index=True, null=True)),
                ("logged_in_at", models.DateTimeField(db_index=True, null=True)),
            ],
        ),
    ]
