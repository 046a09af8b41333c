import pytest

from sessions_app.telemetry.masking import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis://me@h/0", "redis://me@h/0"),
        ("redis://:secret@h:1/0", "redis://:***@h:1/0"),
        ("rediss://me:secret@h/0?x=1", "rediss://me:***@h/0?x=1"),
        ("unix://me:secret@/run/redis.sock?db=1", "unix://me:***@/run/redis.sock?db=1"),
        ("postgresql://me:s%40cret@[::1]:5/n?x=y", "postgresql://me:***@[::1]:5/n?x=y"),
        (
            "postgresql://h/n?user=me&password=secret&x=1",
            "postgresql://h/n?user=me&password=***&x=1",
        ),
        ("postgresql://h/n?sslpassword=secret", "postgresql://h/n?sslpassword=***"),
        ("postgresql://me:se/cr@et?#@h/n", "postgresql://me:***@h/n"),
        ("redis://:secret@a:1,redis://:secret@b:2", "redis://:***@a:1,redis://:***@b:2"),
        ("redis://:sec,ret@a:1", "redis://:***@a:1"),
        ("", ""),
    ],
)
def test_passwords_are_not_shown_and_all_else_is(url: str, shown: str) -> None:
    assert masked(url) == shown
