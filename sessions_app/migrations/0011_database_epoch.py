import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("sessions_app", "0010_separate_stand_ins")]

    operations = [
        migrations.CreateModel(
            name="DatabaseEpoch",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False),
                ),
                ("epoch", models.UUIDField(default=uuid.uuid4)),
                ("mark", models.BigIntegerField(default=0)),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(id=1), name="one_database_epoch")
                ],
            },
        ),
    ]
