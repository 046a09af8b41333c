"""A lock on Redis that lasts as long as the work, and ends by itself when its process does."""

import threading
import time
import weakref

import redis

from sessions_app.redis_access.client import REDIS_ERRORS

# Of its lifetime: so a renewal may fail twice before the lock runs out.
RENEWALS_PER_LIFETIME = 4
# Longer than any task may take: a worker ends a process whose task goes on after that.
LONGEST_SECONDS = 300.0


class RenewedLock:
    """One holder at a time; a thread renews it until it is released.

    A process that is killed or frozen holds it for its lifetime at most. Work that is interrupted
    before it can release it does not hold it any longer either: the thread ends when nobody has
    this object any more, and in any case after ``longest``.

    Args:
        client: of the node that has the key; shared by threads.
        name: the key.
        lifetime: in seconds.
        longest: after so many seconds it is not renewed any more.
    """

    def __init__(
        self, client: "redis.Redis", name: str, lifetime: float, longest: float = LONGEST_SECONDS
    ) -> None:
        self.name = name
        self._renewal = _Renewal(client, name, lifetime, longest)
        weakref.finalize(self, self._renewal.stop)

    def acquire(self) -> bool:
        """Takes it; False where somebody else has it.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        return self._renewal.begin()

    def check(self) -> None:
        """Returns while it is held.

        Raises:
            redis.exceptions.LockError: it is not any more, or nobody knows.
        """
        if self._renewal.has_run_out():
            raise redis.exceptions.LockNotOwnedError(f"{self.name} has run out")

    def release(self) -> bool:
        """Gives it up; False where it has run out before.

        Raises:
            redis.RedisError: Redis does not answer; it ends by itself.
        """
        self._renewal.stop()
        try:
            self._renewal.lock.release()
        except redis.exceptions.LockError:
            return False
        return True


class _Renewal:
    """The thread's part: it must not know of the lock whose owner may be gone."""

    def __init__(self, client: "redis.Redis", name: str, lifetime: float, longest: float) -> None:
        # Without thread_local=False the thread would not know the token.
        self.lock = client.lock(name, timeout=lifetime, blocking=False, thread_local=False)
        self._lifetime = lifetime
        self._longest = longest
        self._stopped = threading.Event()
        self._is_lost = False
        self._began_at = self._renewed_at = 0.0
        self._thread = threading.Thread(target=self._keep, name=f"renewing {name}", daemon=True)

    def begin(self) -> bool:
        self._began_at = self._renewed_at = time.monotonic()
        if not self.lock.acquire():
            return False
        self._thread.start()
        return True

    def stop(self) -> None:
        self._stopped.set()

    def has_run_out(self) -> bool:
        return self._is_lost or time.monotonic() - self._renewed_at > self._lifetime

    def _keep(self) -> None:
        while not self._stopped.wait(self._lifetime / RENEWALS_PER_LIFETIME):
            now = time.monotonic()
            if now - self._began_at > self._longest:
                return
            try:
                self.lock.reacquire()
            except redis.exceptions.LockError:
                self._is_lost = True
                return
            except REDIS_ERRORS:
                continue  # an outage; check() tells when it has been too long
            self._renewed_at = now
