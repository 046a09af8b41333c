"""What a worker keeps between ticks: made once per process, and handed to every shard's turn."""

import redis

from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.control.pause_cache import PauseCache
from sessions_app.shards.database_epochs import RecentEpoch
from sessions_app.shards.lost_tables import LostTableLog


class WorkerCaches:
    """What is known of the database, until it is looked up again.

    Args:
        client: of the server of ``REDIS_URL``.

    Attributes:
        event_settings, pauses: refreshed at every turn, at most once a second.
        epochs: that of the database.
        lost_tables: what has been said of tables that are lost.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.event_settings = EventSettingsCache()
        self.pauses = PauseCache()
        self.epochs = RecentEpoch(client)
        self.lost_tables = LostTableLog()

    def refresh(self) -> None:
        """Takes over what has been edited.

        Raises:
            django.db.Error: the database does not answer.
        """
        self.event_settings.refresh()
        self.pauses.refresh()

    def current_epoch(self) -> str:
        """The database's epoch; what was read in another one is forgotten.

        Raises:
            redis.RedisError, django.db.Error: a server does not answer.
        """
        return self._followed(self.epochs.current())

    def recent_epoch(self) -> str:
        """The same, as it was a second ago at the earliest."""
        return self._followed(self.epochs.recent())

    def _followed(self, epoch: str) -> str:
        self.event_settings.follow_epoch(epoch)
        self.pauses.follow_epoch(epoch)
        return epoch
