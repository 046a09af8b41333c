"""The identity of this database."""

import uuid

from django.db import models


class DatabaseEpoch(models.Model):
    """Identity and progress of this database: a single row.

    See :mod:`sessions_app.shards.database_epochs`.

    Attributes:
        epoch: replaced when the database went back in time, so that keys mean something else.
        mark: grows with every tick.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    epoch = models.UUIDField(default=uuid.uuid4)
    mark = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="one_database_epoch"),)

    def __str__(self) -> str:
        return str(self.epoch)
