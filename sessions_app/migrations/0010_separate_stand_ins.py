"""Stand-ins of sessions are told from events that have the same ID by coincidence."""

from typing import Any

from django.db import migrations

from sessions_app.storage.stand_in_repair import rename_stand_ins, separate_stand_ins


def separate(apps: Any, _: Any) -> None:
    separate_stand_ins(apps)


def rename(apps: Any, _: Any) -> None:
    rename_stand_ins(apps)


class Migration(migrations.Migration):
    # Many short transactions, so that nobody waits; what was done stays done.
    atomic = False

    dependencies = [
        ("sessions_app", "0009_stand_in_once"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(separate, rename)]
