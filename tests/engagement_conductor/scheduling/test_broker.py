"""How soon a worker is back at a broker that was away."""

import pytest
from kombu.exceptions import OperationalError

from engagement_conductor.celery import app
from engagement_conductor.local_stack import ports
from engagement_conductor.scheduling.broker import BrokerConnection


def pauses(attempts: int) -> list[float]:
    """The pauses between attempts to reach a broker that is not there."""
    waited: list[float] = []
    connection = BrokerConnection(f"redis://127.0.0.1:{ports.find_free()}/0")
    with pytest.raises(OperationalError):
        connection.ensure_connection(
            errback=lambda _, seconds: waited.append(float(seconds)),
            max_retries=attempts,
            # Only a bound, as the attempts themselves would wait otherwise.
            timeout=None,
        )
    return waited


def test_pauses_grow_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    found = pauses(14)
    assert found[:3] == [0.5, 1.0, 1.5]
    assert max(found) == 5.0


def test_workers_use_it() -> None:
    assert isinstance(app.amqp.Connection("redis://"), BrokerConnection)
