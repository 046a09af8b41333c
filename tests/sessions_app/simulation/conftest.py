"""A conference of a quarter of an hour, simulated once."""

import msgspec
import pytest

from sessions_app.events.decoding import decoder
from tests.sessions_app.simulation.live.observed import simulate


@pytest.fixture(scope="package")
def conference():
    return list(simulate())


@pytest.fixture(scope="package")
def decoded(conference):
    """(seconds, event) of every payload, read as the collector reads them."""
    return [
        (each.offset_s, decoder(each.channel)(msgspec.json.encode(each.payload)))
        for each in conference
    ]
