"""A lock on Redis that is renewed during the work, and expires when its process dies."""

import threading
import time
import weakref

import redis

from sessions_app.redis_access.client import REDIS_ERRORS

# So a renewal may fail twice before the lock expires.
RENEWALS_PER_LIFETIME = 4
# Longer than any task may take: the worker kills processes whose task takes longer.
LONGEST_SECONDS = 300.0


class RenewedLock:
    """A lock with one holder at a time; a thread renews it until it is released.

    A process that is killed or suspended holds it for at most its lifetime. The renewing thread
    also ends when this object is garbage-collected, in case work is interrupted before it releases
    the lock, and in any case after ``longest``.

    Args:
        client: of the node with the key; shared by threads.
        name: the key.
        lifetime: in seconds.
        longest: seconds after which it is no longer renewed.
    """

    def __init__(
        self, client: "redis.Redis", name: str, lifetime: float, longest: float = LONGEST_SECONDS
    ) -> None:
        self.name = name
        self._renewal = _Renewal(client, name, lifetime, longest)
        weakref.finalize(self, self._renewal.stop)

    def acquire(self) -> bool:
        """Acquires the lock; False if somebody else holds it.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        return self._renewal.begin()

    def check(self) -> None:
        """Returns if the lock is held.

        Raises:
            redis.exceptions.LockError: it is not, or this is uncertain.
        """
        if self._renewal.has_expired():
            raise redis.exceptions.LockNotOwnedError(f"{self.name} has expired")

    def release(self) -> bool:
        """Releases the lock; False if it had expired.

        Raises:
            redis.RedisError: Redis does not answer; the lock expires by itself.
        """
        self._renewal.stop()
        try:
            self._renewal.lock.release()
        except redis.exceptions.LockError:
            return False
        return True


class _Renewal:
    """The thread's part; has no reference to the lock, so that this can be collected."""

    def __init__(self, client: "redis.Redis", name: str, lifetime: float, longest: float) -> None:
        # With thread_local=True, the thread would not know the token.
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

    def has_expired(self) -> bool:
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
                continue  # an outage; check() fails once it has lasted too long
            self._renewed_at = now
