"""From the platform's IDs to 64-bit identities: users, messages, polls, reactions.

Identities are SipHash-2-4 (Aumasson and Bernstein, INDOCRYPT 2012) under a secret of the
installation: without it nobody can construct two IDs that become one. Sessions that began under the
release before have identities without a key, and keep those until they are over.
"""

from typing import NamedTuple

import siphashc
import xxhash

SECRET_BYTES = 16


class Identification(NamedTuple):
    """How a collector identifies what it reads.

    Attributes:
        secret: of the installation, :data:`SECRET_BYTES` bytes.
        unkeyed_too: whether sessions may be live whose identities have no key.
        keyed_too: False while a worker of the release before is at work, which reads identities
            without a key only.
    """

    secret: bytes
    unkeyed_too: bool = False
    keyed_too: bool = True


def keyed_identity(secret: bytes, value: bytes) -> int:
    """The identity of an ID or a payload, in 1..2**64 - 1, the same in every process."""
    return siphashc.siphash(secret, value) or 1


def unkeyed_identity(value: bytes) -> int:
    """The same without a key, as the release before had it: somebody may know two of a kind."""
    return xxhash.xxh3_64_intdigest(value) or 1
