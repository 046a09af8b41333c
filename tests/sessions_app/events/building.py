"""Made-up events, and the blocks of them."""

from hypothesis import strategies as st

from sessions_app.events.batch_builder import BatchBuilder
from sessions_app.events.blocks import Block
from sessions_app.events.decoding import EventKind, PlatformEvent
from sessions_app.events.identification import Identification

KEYED = Identification(bytes(16))
entries = st.lists(
    st.tuples(st.text("abc", min_size=1, max_size=2), st.integers(0, 20_000), st.integers(0, 9)),
    min_size=1,
    max_size=40,
)


def sign(session: str) -> PlatformEvent:
    return PlatformEvent(EventKind.USER_SIGN, session, None, "u")


def build(items: list[tuple[str, int, int]], source: int = 0) -> list[tuple[int, Block]]:
    builder = BatchBuilder(KEYED)
    for session, time_ms, sequence in items:
        builder.add(sign(session), source, time_ms, sequence)
    return list(builder.blocks())
