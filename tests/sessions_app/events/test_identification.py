"""Identities of IDs: the same everywhere, and nobody can make two IDs one."""

import pytest

from sessions_app.events.identification import SECRET_BYTES, keyed_identity, unkeyed_identity

# Found by inverting XXH3's mixing of eight bytes.
ONE_WITHOUT_A_KEY = [(b"uahh4", b"LyTplcRH"), (b"uar6d", b"W0AMaPV6"), (b"uatdl", b"0k_NhY43")]


def test_keyed_identities_are_siphash() -> None:
    # "SipHash: a fast short-input PRF", appendix A.
    assert keyed_identity(bytes(range(SECRET_BYTES)), bytes(range(15))) == 0xA129CA6149BE45E5


def test_identities_without_a_key_are_xxh3() -> None:
    # Of nothing, as published with the algorithm.
    assert unkeyed_identity(b"") == 0x2D06800538D394C2


@pytest.mark.parametrize(("one", "other"), ONE_WITHOUT_A_KEY)
def test_a_key_tells_apart_what_was_made_to_collide(one: bytes, other: bytes) -> None:
    assert unkeyed_identity(one) == unkeyed_identity(other)
    for secret in (bytes(16), bytes(range(16))):
        assert keyed_identity(secret, one) != keyed_identity(secret, other)


def test_another_installation_has_other_identities() -> None:
    assert keyed_identity(bytes(16), b"u1") != keyed_identity(b"\x01" * 16, b"u1")
