"""Example payloads, and any number of hostile ones, reproducible by seed."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sessions_app.redis_access import keys
from tests.platform import chat, chat_sync, closed, ended, user, vote

HTML = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
SQL = "'; DROP TABLE engagement_metrics; --"
# Lengths around the limits of IDs and payloads.
LONG = (255, 256, 1_000, 60_000)


class Hostile(NamedTuple):
    """A payload and its channel."""

    channel: str
    data: bytes


EXAMPLES: dict[str, list[dict[str, Any]]] = {
    keys.CHAT_MESSAGE: [chat("m1"), chat("m2", eventId="e1")],
    keys.SYNC_EVENTS: [user("user_join"), user("reaction"), chat_sync("m1"), ended()],
    keys.LIVE_SYNC: [user("user_leave"), user("typing")],
    keys.LIVE_REACTION: [{"sessionId": "s1", "userId": "u1", "emoji": "x"}],
    keys.POLL_VOTE: [vote("u1")],
    keys.POLL_CLOSED: [closed(), {"poll": {"id": "p1", "sessionId": "s1"}}],
}


def hostile_payloads(seed: int, count: int) -> Iterator[Hostile]:
    """Well-formed examples, each tampered with in one of many ways."""
    random_numbers = random.Random(seed)
    channels = [*EXAMPLES]
    for number in range(count):
        channel = random_numbers.choice(channels)
        example = random_numbers.choice(EXAMPLES[channel])
        # Large payloads are slow and similar, so there are few of them.
        tamper = random_numbers.choice(TAMPERINGS if number % 100 else LARGE_TAMPERINGS)
        yield Hostile(channel, tamper(json.loads(json.dumps(example)), random_numbers))


def _fields(value: Any) -> Iterator[tuple[Any, Any]]:
    """All fields of a payload, including nested ones, as (container, key)."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield value, key
            yield from _fields(inner)


def _put(
    values: Callable[[random.Random], Any],
) -> Callable[[dict[str, Any], random.Random], bytes]:
    """Replaces a field with one of ``values``."""

    def tampered(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
        container, key = random_numbers.choice([*_fields(payload)])
        container[key] = values(random_numbers)
        return json.dumps(payload).encode()

    return tampered


def _any_text(random_numbers: random.Random) -> str:
    length = random_numbers.randrange(1, 12)
    # Including surrogates, which json.dumps escapes.
    return "".join(chr(random_numbers.randrange(0x11_0000)) for _ in range(length))


def _drop(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    container, key = random_numbers.choice([*_fields(payload)])
    del container[key]
    return json.dumps(payload).encode()


def _cut(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    data = json.dumps(payload).encode()
    return data[: random_numbers.randrange(len(data))]


def _flip(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    data = bytearray(json.dumps(payload).encode())
    for _ in range(random_numbers.randrange(1, 4)):
        data[random_numbers.randrange(len(data))] = random_numbers.randrange(256)
    return bytes(data)


def _nest(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    depth = random_numbers.choice((10, 500, 5_000, 30_000))
    opening, closing = random_numbers.choice(((b"[", b"]"), (b'{"a":', b"}")))
    inner = b"1" if opening != b"[" else b""
    return b'{"sessionId":"s1","x":' + opening * depth + inner + closing * depth + b"}"


def _number(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    data = json.dumps(payload)
    number = random_numbers.choice(("NaN", "-Infinity", "1e999", "9" * 5_000, "-0", "1.5"))
    return data.replace('"s1"', number, 1).encode()


def _repeat(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    data = json.dumps(payload)
    return (data[:-1] + f',"sessionId":"twice-{random_numbers.randrange(9)}"' + "}").encode()


def _large(payload: dict[str, Any], random_numbers: random.Random) -> bytes:
    payload["more"] = "x" * random_numbers.choice((60_000, 64 * 1024, 200_000))
    return json.dumps(payload).encode()


TAMPERINGS: list[Callable[[dict[str, Any], random.Random], bytes]] = [
    _put(lambda _: None),
    _put(lambda r: r.choice((0, -1, 2**63, 2**64, 1.5, True))),
    _put(lambda r: r.choice(([], {}, [[]], {"a": 1}))),
    _put(lambda r: "x" * r.choice(LONG[:3])),
    _put(lambda r: r.choice(("", " ", "\u0000", "a\nb", "\u0085", "\ud800", "\u202e", "\ufeff"))),
    _put(lambda r: f"{HTML}{r.randrange(50)}"),
    _put(lambda r: f"{SQL}{r.randrange(50)}"),
    _put(_any_text),
    _put(lambda r: f"flood-{r.randrange(10**9)}"),
    _drop,
    _cut,
    _flip,
    _number,
    _repeat,
]
LARGE_TAMPERINGS = [_nest, _large, _put(lambda r: "x" * r.choice(LONG))]
