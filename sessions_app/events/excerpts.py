"""Payloads that are too large: only their beginning is kept, for the dead letter."""

from sessions_app.events.decoding import MAXIMUM_PAYLOAD_BYTES

KEPT_BYTES = 8 * 1024


class CutPayload(bytes):
    """The beginning of a payload; its ``len()`` is that of the whole, as limits apply to that."""

    _whole_bytes: int

    def __new__(cls, data: bytes, whole_bytes: int) -> "CutPayload":
        """Keeps the first :data:`KEPT_BYTES` of ``data``, which may already be cut itself."""
        payload = super().__new__(cls, data[:KEPT_BYTES])
        payload._whole_bytes = whole_bytes
        return payload

    def __len__(self) -> int:
        return self._whole_bytes


def beginning(data: bytes) -> bytes:
    """The part of a payload that is kept when it is set aside."""
    return data if len(data) <= KEPT_BYTES else CutPayload(data, len(data))


def cut_if_too_large(data: bytes) -> bytes:
    """The payload, or its beginning if it will be set aside for its size."""
    return data if len(data) <= MAXIMUM_PAYLOAD_BYTES else CutPayload(data, len(data))
