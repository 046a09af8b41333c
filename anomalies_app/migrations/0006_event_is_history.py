"""The event at the time of an anomaly is history: nothing is deleted with it any more.

That is Django's doing; the tables stay as they are.
"""

import django.db.models.deletion
from django.db import migrations, models

MODELS = ("agentperformance", "anomaly", "intervention")


class Migration(migrations.Migration):
    dependencies = [
        ("anomalies_app", "0005_judged_index"),
        ("sessions_app", "0001_initial"),
    ]

    operations = [
        migrations.AlterField(
            model_name=name,
            name="event",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="sessions_app.event",
            ),
        )
        for name in MODELS
    ]
