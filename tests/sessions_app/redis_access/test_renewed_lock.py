"""A lock that lasts as long as the work, on a real server."""

import gc
import time

import pytest
import redis

from sessions_app.redis_access.renewed_lock import RenewedLock

pytestmark = pytest.mark.integration

LIFETIME = 0.6
LOST = redis.exceptions.LockError


def test_it_is_held_longer_than_its_lifetime_while_its_holder_works(
    redis_client: "redis.Redis",
) -> None:
    first, second = (RenewedLock(redis_client, "lock", LIFETIME) for _ in range(2))
    assert first.acquire()
    end = time.monotonic() + 3 * LIFETIME
    while time.monotonic() < end:
        assert not second.acquire()
        first.check()
        time.sleep(0.05)
    assert first.release()
    third = RenewedLock(redis_client, "lock", LIFETIME)
    assert third.acquire()
    assert third.release()


def test_its_holder_notices_that_somebody_else_has_it(redis_client: "redis.Redis") -> None:
    lock = RenewedLock(redis_client, "lock", LIFETIME)
    assert lock.acquire()
    redis_client.set("lock", "another")
    time.sleep(LIFETIME)
    with pytest.raises(LOST):
        lock.check()
    assert not lock.release()
    assert redis_client.get("lock") == b"another"


def test_a_holder_that_was_frozen_notices_before_its_thread_does(
    redis_client: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = RenewedLock(redis_client, "lock", 60)
    assert lock.acquire()
    lock.check()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    with pytest.raises(LOST):
        lock.check()
    monkeypatch.undo()
    assert lock.release()


def test_a_process_that_dies_leaves_it_for_its_lifetime(redis_client: "redis.Redis") -> None:
    lock = RenewedLock(redis_client, "lock", LIFETIME)
    assert lock.acquire()
    lock._renewal.stop()  # the thread ends, as with its process
    assert 0 < redis_client.pttl("lock") <= LIFETIME * 1000
    time.sleep(LIFETIME * 1.2)
    successor = RenewedLock(redis_client, "lock", LIFETIME)
    assert successor.acquire()
    assert successor.release()


def taken_and_left(client: "redis.Redis") -> None:
    """Takes the lock, and is interrupted before it could release it."""
    lock = RenewedLock(client, "lock", LIFETIME)
    assert lock.acquire()
    raise InterruptedError


def test_work_that_is_interrupted_before_it_can_release_it_does_not_hold_it(
    redis_client: "redis.Redis",
) -> None:
    with pytest.raises(InterruptedError):
        taken_and_left(redis_client)
    gc.collect()
    time.sleep(LIFETIME * 1.5)
    assert not redis_client.exists("lock")


def test_it_is_not_renewed_for_ever(redis_client: "redis.Redis") -> None:
    lock = RenewedLock(redis_client, "lock", LIFETIME, longest=LIFETIME)
    assert lock.acquire()
    time.sleep(LIFETIME * 3)
    assert not redis_client.exists("lock")
    with pytest.raises(LOST):
        lock.check()
    assert not lock.release()
