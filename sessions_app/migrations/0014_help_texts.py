"""Nothing but help texts is new: the database stays as it is."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("sessions_app", "0013_fill_ended_by_hand"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="engagementmetric",
                    name="chat_count",
                    field=models.IntegerField(help_text="Chat messages in this tick."),
                ),
                migrations.AlterField(
                    model_name="engagementmetric",
                    name="reaction_count",
                    field=models.IntegerField(help_text="Reactions in this tick."),
                ),
                migrations.AlterField(
                    model_name="engagementmetric",
                    name="vote_count",
                    field=models.IntegerField(
                        help_text="Users who cast their first vote on a poll in this tick."
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="active_users_weight",
                    field=models.FloatField(
                        default=0.25,
                        help_text="What is added if everybody who joined is active; proportional to their share.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="chat_saturation",
                    field=models.FloatField(
                        default=20.0,
                        help_text="Chat messages per minute beyond which the chat term no longer grows.",
                        validators=[
                            django.core.validators.MinValueValidator(1.0),
                            django.core.validators.MaxValueValidator(100000.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="chat_weight",
                    field=models.FloatField(
                        default=0.3,
                        help_text="What a saturated chat adds to the score. The scale is logarithmic: a few messages already add half as much.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="critical_threshold",
                    field=models.FloatField(
                        default=0.8,
                        help_text="Anomaly score at or above which an alert is critical.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="external_id",
                    field=models.CharField(
                        help_text="The platform's event ID; for a stand-in, its session's ID.",
                        max_length=255,
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="is_stand_in",
                    field=models.BooleanField(
                        db_default=False,
                        default=False,
                        editable=False,
                        help_text="Whether it stands in for the event of one session until the platform names one. Its ID is then the session's, and unrelated to IDs of events.",
                        verbose_name="stand-in",
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="leave_weight",
                    field=models.FloatField(
                        default=0.1,
                        help_text="What is subtracted if everybody leaves; proportional to the leave rate.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="low_engagement_threshold",
                    field=models.FloatField(
                        default=0.2,
                        help_text="A score that stays below this is reported as low engagement.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="mass_exit_threshold",
                    field=models.FloatField(
                        default=0.15,
                        help_text="Share of the audience that must leave within a minute. Lower values alert on smaller exits.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="mute_gradual_decline",
                    field=models.BooleanField(
                        default=False,
                        help_text="Engagement that declines over several minutes is not reported.",
                        verbose_name="no alerts for gradual declines",
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="mute_low_engagement",
                    field=models.BooleanField(
                        default=False,
                        help_text="Engagement below the low engagement threshold is not reported as such.",
                        verbose_name="no alerts for low engagement",
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="mute_mass_exit",
                    field=models.BooleanField(
                        default=False,
                        help_text="Many people leaving at once is not reported.",
                        verbose_name="no alerts for mass exits",
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="mute_sudden_drop",
                    field=models.BooleanField(
                        default=False,
                        help_text="Engagement that falls within a minute is not reported.",
                        verbose_name="no alerts for sudden drops",
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="organizers",
                    field=models.ManyToManyField(
                        blank=True,
                        help_text="Who can see this event. Without organizers, only admins can.",
                        related_name="events",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="poll_weight",
                    field=models.FloatField(
                        default=0.25,
                        help_text="What an open poll adds if everybody present votes; proportional to their share.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="reaction_saturation",
                    field=models.FloatField(
                        default=10.0,
                        help_text="Reactions per minute beyond which the reaction term no longer grows.",
                        validators=[
                            django.core.validators.MinValueValidator(1.0),
                            django.core.validators.MaxValueValidator(100000.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="reaction_weight",
                    field=models.FloatField(
                        default=0.1,
                        help_text="What saturated reactions add, on a logarithmic scale.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="sensitivity",
                    field=models.FloatField(
                        default=1.0,
                        help_text="From 0.25 to 4. Above 1, alerts are more frequent and earlier; below 1, rarer. At 2, an observation counts as twice as improbable as it is.",
                        validators=[
                            django.core.validators.MinValueValidator(0.25),
                            django.core.validators.MaxValueValidator(4.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="sudden_drop_threshold",
                    field=models.FloatField(
                        default=0.25,
                        help_text="How far engagement must fall below the level expected for this session, as a fraction of it: 0.25 is a quarter. Lower values alert on smaller falls.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="event",
                    name="warning_threshold",
                    field=models.FloatField(
                        default=0.6,
                        help_text="Anomaly score, from 0 (ordinary) to 1, at or above which an alert is a warning.",
                        validators=[
                            django.core.validators.MinValueValidator(0.0),
                            django.core.validators.MaxValueValidator(1.0),
                        ],
                    ),
                ),
                migrations.AlterField(
                    model_name="pause",
                    name="ends_at",
                    field=models.DateTimeField(
                        blank=True,
                        db_index=True,
                        help_text="Leave empty if the end is not known.",
                        null=True,
                    ),
                ),
                migrations.AlterField(
                    model_name="session",
                    name="ended_at",
                    field=models.DateTimeField(
                        blank=True,
                        db_index=True,
                        help_text="When it ended. Set it to end the session, clear it to reopen it; pages update within seconds.",
                        null=True,
                    ),
                ),
                migrations.AlterField(
                    model_name="session",
                    name="last_seen_at",
                    field=models.DateTimeField(help_text="When it was last seen, to the minute."),
                ),
                migrations.AlterField(
                    model_name="session",
                    name="stand_in",
                    field=models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        editable=False,
                        help_text="Its own stand-in, used until the platform names its event.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="sessions_app.event",
                    ),
                ),
                migrations.AlterField(
                    model_name="session",
                    name="started_at",
                    field=models.DateTimeField(help_text="When it was first seen."),
                ),
            ]
        )
    ]
