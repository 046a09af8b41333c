"""The caches of a worker: made once per process, and handed to the turn at each shard."""

import redis

from sessions_app.control.event_settings_cache import EventSettingsCache
from sessions_app.control.pause_cache import PauseCache
from sessions_app.shards.database_epochs import RecentEpoch
from sessions_app.shards.lost_tables import LostTableLog


class WorkerCaches:
    """What a worker has read from the database.

    Args:
        client: of the server of ``REDIS_URL``.

    Attributes:
        event_settings, pauses: refreshed at each turn, but at most once a second.
        epochs: the epoch of the database.
        lost_tables: which lost tables have been logged.
    """

    def __init__(self, client: "redis.Redis") -> None:
        self.event_settings = EventSettingsCache()
        self.pauses = PauseCache()
        self.epochs = RecentEpoch(client)
        self.lost_tables = LostTableLog()

    def refresh(self) -> None:
        """Reads recent edits.

        Raises:
            django.db.Error: the database does not answer.
        """
        self.event_settings.refresh()
        self.pauses.refresh()

    def current_epoch(self) -> str:
        """The epoch of the database; if it has changed, the other caches are cleared.

        Raises:
            redis.RedisError, django.db.Error: a server does not answer.
        """
        return self._followed(self.epochs.current())

    def recent_epoch(self) -> str:
        """The same, from a second ago at most."""
        return self._followed(self.epochs.recent())

    def _followed(self, epoch: str) -> str:
        self.event_settings.follow_epoch(epoch)
        self.pauses.follow_epoch(epoch)
        return epoch
