"""Dead letters, listed for people and programs."""

import json
from io import StringIO

import pytest
import redis
from django.core.management import CommandError, call_command

from sessions_app.redis_access import keys
from tests.platform import HOSTILE_LETTER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


def printed(*arguments: str) -> list[str]:
    output = StringIO()
    call_command("dead_letters", *arguments, stdout=output)
    return output.getvalue().splitlines()


def test_the_command_lists_the_newest_first_and_is_safe_for_terminals(letters: None) -> None:
    head, reason, data, *rest = printed("--limit", "2")
    assert keys.SYNC_EVENTS in head
    assert reason.strip()
    assert "\\x1b[2J" in data
    assert "\x1b" not in data
    assert len(rest) == 3


def test_the_command_writes_json(redis_client: redis.Redis, letters: None) -> None:
    lines = [json.loads(line) for line in printed("--limit", "100", "--json")]
    assert len(lines) == 30
    assert lines[0]["size"] == len(HOSTILE_LETTER)
    assert lines[0]["channel"] == keys.SYNC_EVENTS
    older = printed("--limit", "100", "--json", "--before", lines[9]["id"])
    assert [json.loads(line)["id"] for line in older] == [line["id"] for line in lines[10:]]


def test_the_command_without_letters_says_so(redis_client: redis.Redis) -> None:
    assert printed() == ["No dead letters."]
    assert printed("--json") == []


def test_the_command_refuses_nonsense(redis_client: redis.Redis) -> None:
    for arguments in (["--limit", "0"], ["--limit", "10001"], ["--before", "yesterday"]):
        with pytest.raises(CommandError, match=r"--(limit|before)"):
            printed(*arguments)
