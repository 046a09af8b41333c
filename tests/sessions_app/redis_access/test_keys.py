"""Names on Redis: each once, and those of a shard on one node of a cluster."""

import zlib

from redis.crc import key_slot

from sessions_app.redis_access import keys


def shard_keys(shard: int) -> list[str]:
    names = [name(shard) for name in keys.SHARD_TYPES]
    return [*names, keys.arrivals(shard, 7), keys.shard_lock(shard), keys.shard_probe(shard)]


def test_a_session_has_the_same_shard_everywhere() -> None:
    assert [keys.shard_of(name) for name in ("s1", "keynote", "ä", "")] == [
        zlib.crc32(name) % 16 for name in (b"s1", b"keynote", b"\xc3\xa4", b"")
    ]
    assert {keys.shard_of(f"session-{number}") for number in range(500)} == set(range(16))


def test_the_keys_of_a_shard_are_on_one_node() -> None:
    for shard in range(keys.SHARD_COUNT):
        named = [*shard_keys(shard), keys.set_aside(shard, "windows")]
        assert len({key_slot(name.encode()) for name in named}) == 1
        assert set(keys.tables_of_shard(shard)) <= set(named)


def test_what_is_out_of_place_lies_on_the_node_of_its_name() -> None:
    for name in (*keys.CHANNELS, *keys.TYPES):
        assert key_slot(keys.misplaced(name).encode()) == key_slot(name.encode())


def test_no_two_things_have_one_name() -> None:
    named = [*keys.TYPES, *keys.CHANNELS, keys.ENGAGEMENT_UPDATE, keys.DAMAGED_IDENTITY_KEY]
    for shard in range(keys.SHARD_COUNT):
        named += shard_keys(shard)
    assert len(named) == len(set(named))


def test_a_part_of_a_shard_is_a_word() -> None:
    assert keys.part_of_shard(keys.shard_windows(3)) == "windows"
