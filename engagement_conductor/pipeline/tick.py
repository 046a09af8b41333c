"""The five-second tick of one shard: read, advance, score, detect, end, commit, deliver."""

import math
import time

from engagement_conductor.pipeline.counting import count_skipped, count_tick
from engagement_conductor.pipeline.delivery import deliver
from engagement_conductor.pipeline.opening import OpenShard, look_up_sessions
from engagement_conductor.pipeline.outcome_parts import PARTS
from engagement_conductor.pipeline.scoring import detect, score_tick
from engagement_conductor.pipeline.turn import Turn
from sessions_app.control.edits import follow_edits
from sessions_app.ingest.identity_secret import note_unkeyed_sessions
from sessions_app.outcomes.outbox import encode_outcome, make_outcome
from sessions_app.shards.tick_input import read_tick
from sessions_app.state.tick_update import advance

# How long a tick that only a later version can read waits for a worker of that version.
NEWER_WORKER_TICKS = 24
# Edits reach a shard within this time even while it catches up.
EDITS_SECONDS = 1.0


class ShardScorer:
    """Carries an open shard from tick to tick."""

    def __init__(self, turn: Turn, shard: OpenShard) -> None:
        self.turn = turn
        self._windows, self._detection, self._skipped = shard
        self._followed_at = -math.inf

    def score_next(self, up_to_tick: int) -> None:
        """Scores the tick after that of the windows, and delivers its outcome."""
        turn, windows, detection = self.turn, self._windows, self._detection
        tick = turn.tick = windows.tick + 1
        is_minute = turn.is_minute(tick)
        with turn.measured("read"):
            read = read_tick(
                turn.store,
                windows,
                is_patient=up_to_tick - tick < NEWER_WORKER_TICKS,
                counters=turn.uncommitted,
                begin=turn.begin,
                current_epoch=turn.caches.current_epoch,
            )
        with turn.measured("advance"):
            update = advance(windows, tick, read.events, read.rows, read.touched, read.seen)
        with turn.measured("score"):
            scored = score_tick(windows, update, read.polls, turn.caches, is_minute)
            with turn.measured("detect"):
                detect(scored, detection, turn.caches)
            outcome = make_outcome(scored, PARTS)
        ended = windows.remove_ended().tolist()
        with turn.measured("commit"):
            if is_minute and windows.rows["unkeyed"].any():
                note_unkeyed_sessions(turn.client)
            outbox = encode_outcome(outcome, PARTS) if outcome.values else b""
            turn.store.commit(windows, update, ended, detection.to_bytes(), outbox)
        self._count_skipped()
        count_tick(turn, read.events, update, outcome)
        deliver(turn, outcome, self._has_just_followed_edits)

    def follow_edits(self, whole: bool = False) -> None:
        """Applies edits made by people; at most once a second.

        Args:
            whole: whether to compare all sessions, which also finds deleted ones.
        """
        if self._has_just_followed_edits():
            return
        self.turn.begin("edits")
        began = time.monotonic()
        follow_edits(self._windows, whole)
        self._followed_at = began
        if not self._windows.epoch and len(self._windows):
            look_up_sessions(self.turn, self._windows, self._detection)

    def skip_idle(self, up_to_tick: int) -> None:
        """Jumps to the last due tick if the shard has no sessions and no events before it."""
        due = range(self._windows.tick + 1, up_to_tick + 1)
        if not len(self._windows) and self.turn.store.begin(due):
            self._windows.tick = up_to_tick - 1
        else:
            self.turn.store.begin(due[:1])

    def _count_skipped(self) -> None:
        """Counts skipped ticks once, after a commit has made skipping them final."""
        if self._skipped is not None:
            count_skipped(self.turn, self._skipped)
            self._skipped = None

    def _has_just_followed_edits(self) -> bool:
        return time.monotonic() - self._followed_at < EDITS_SECONDS
