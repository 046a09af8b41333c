"""From the platform's IDs to 64-bit identities: users, messages, polls, reactions.

Identities are SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) with a secret key of the
installation, without which nobody can construct colliding IDs. Sessions that began under the
release before have identities without a key, and keep them until they end.
"""

from typing import NamedTuple

import siphashc
import xxhash

SECRET_BYTES = 16


class Identification(NamedTuple):
    """How a collector identifies what it reads.

    Attributes:
        secret: of the installation, :data:`SECRET_BYTES` bytes.
        unkeyed_too: whether there may be live sessions whose identities have no key.
        keyed_too: False while a worker of the release before is running, which can only read
            identities without a key.
    """

    secret: bytes
    unkeyed_too: bool = False
    keyed_too: bool = True


def keyed_identity(secret: bytes, value: bytes) -> int:
    """The identity of an ID or a payload, in 1..2**64 - 1, the same in every process."""
    return siphashc.siphash(secret, value) or 1


def unkeyed_identity(value: bytes) -> int:
    """The identity without a key, as in the release before; collisions can be constructed."""
    return xxhash.xxh3_64_intdigest(value) or 1
