"""What log lines are about."""

import asyncio

import pytest

from sessions_app.telemetry.log_context import log_context, log_fields


def test_inner_fields_come_on_top_and_go_again() -> None:
    assert log_fields() == {}
    with log_context(shard=1, tick=7):
        with log_context(tick=8, stage="read"):
            assert log_fields() == {"shard": 1, "tick": 8, "stage": "read"}
        assert log_fields() == {"shard": 1, "tick": 7}
    assert log_fields() == {}


def test_they_go_when_it_fails() -> None:
    with pytest.raises(ZeroDivisionError), log_context(shard=1):
        raise ZeroDivisionError
    assert log_fields() == {}


async def test_tasks_have_their_own() -> None:
    async def noted(shard: int) -> object:
        with log_context(shard=shard):
            await asyncio.sleep(0.01)
            return log_fields()["shard"]

    assert await asyncio.gather(*map(noted, range(5))) == list(range(5))
