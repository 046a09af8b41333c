"""A lock on Redis that lasts as long as the work, and ends by itself when its process does."""

import threading
import time

import redis

# Of its lifetime: so a renewal may fail twice before the lock runs out.
RENEWALS_PER_LIFETIME = 4


class RenewedLock:
    """One holder at a time; a thread renews it until it is released.

    A process that is killed or frozen holds it for its lifetime at most.

    Args:
        client: of the node that has the key; shared by threads.
        name: the key.
        lifetime: in seconds.
    """

    def __init__(self, client: "redis.Redis", name: str, lifetime: float) -> None:
        self.name = name
        self._lifetime = lifetime
        # Without thread_local=False the thread would not know the token.
        self._lock = client.lock(name, timeout=lifetime, blocking=False, thread_local=False)
        self._released = threading.Event()
        self._is_lost = False
        self._renewed_at = 0.0
        self._thread = threading.Thread(target=self._keep, name=f"renewing {name}", daemon=True)

    def acquire(self) -> bool:
        """Takes it; False where somebody else has it.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        self._renewed_at = time.monotonic()
        if not self._lock.acquire():
            return False
        self._thread.start()
        return True

    def check(self) -> None:
        """Returns while it is held.

        Raises:
            redis.exceptions.LockError: it is not any more, or nobody knows.
        """
        if self._is_lost or time.monotonic() - self._renewed_at > self._lifetime:
            raise redis.exceptions.LockNotOwnedError(f"{self.name} has run out")

    def release(self) -> bool:
        """Gives it up; False where it has run out before.

        Raises:
            redis.RedisError: Redis does not answer; it ends by itself.
        """
        self._released.set()
        try:
            self._lock.release()
        except redis.exceptions.LockError:
            return False
        return True

    def _keep(self) -> None:
        while not self._released.wait(self._lifetime / RENEWALS_PER_LIFETIME):
            began = time.monotonic()
            try:
                self._lock.reacquire()
            except redis.exceptions.LockError:
                self._is_lost = True
                return
            except (redis.RedisError, OSError):
                continue  # an outage; check() tells when it has been too long
            self._renewed_at = began
