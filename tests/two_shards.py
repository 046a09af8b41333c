"""Two sessions in two shards, the first of which a test poisons."""

from typing import Any

from engagement_conductor import tasks
from sessions_app.redis_access import keys
from tests.pipeline import Stage
from tests.platform import chat, user, vote

BAD = "poisoned"
SHARD = keys.shard_of(BAD)
OTHERS = [shard for shard in range(keys.SHARD_COUNT) if shard != SHARD]
GOOD = next(name for name in map("room-{}".format, range(99)) if keys.shard_of(name) == OTHERS[0])


class TwoShards(Stage):
    """The two sessions, scored one after the other in the same task."""

    def begin(self) -> None:
        """Thirty people join each session, one of whom votes; then another tick goes by."""
        joins = [
            (keys.SYNC_EVENTS, user("user_join", f"u{number}", name))
            for name in (BAD, GOOD)
            for number in range(30)
        ]
        self.play(*joins, (keys.POLL_VOTE, vote("u1", "p1", BAD)))
        self.play()

    def play(self, *happened: tuple[str, Any]) -> None:
        """One tick later: a message in each session, and what else happened."""
        said = [(keys.CHAT_MESSAGE, chat(f"m{self.tick}", "u1", name)) for name in (BAD, GOOD)]
        super().play(*said, *happened)

    def score(self) -> None:
        """As the task does it, the poisoned shard first."""
        tasks.score_shards([SHARD, OTHERS[0]], self.tick)

    def scored(self, shard: int = SHARD) -> int:
        return int(self.client.get(keys.scored_tick(shard)))
