"""``make fuzz``: coverage-guided fuzzing of the decoder of platform events, with Atheris.

Every payload must become a valid event or be rejected with a reason. Anything else is a finding,
which libFuzzer writes to ``.data/fuzzing/findings``, next to the corpus that grows with every run.
Arguments are libFuzzer's, such as ``-max_total_time=600``.
"""

import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sessions_app"]):
    from sessions_app.events.decoding import (
        MAXIMUM_PAYLOAD_BYTES,
        BadEventError,
        EventKind,
        decoder,
    )
    from sessions_app.redis_access import keys

from tests.fuzzing.payloads import EXAMPLES

DEFAULTS = ["-max_total_time=60", f"-max_len={MAXIMUM_PAYLOAD_BYTES + 100}"]


def try_one(data: bytes) -> None:
    """Decodes one input: the first byte selects the channel, the rest is the payload."""
    if not data:
        return
    channel = keys.CHANNELS[data[0] % len(keys.CHANNELS)]
    try:
        event = decoder(channel)(data[1:])
    except BadEventError as error:
        assert str(error)
        return
    EventKind(event.kind)
    assert len(event.subject) < len(data)
    assert event.session_id
    for name in (event.session_id, event.event_id or "", event.user_id, event.poll_id):
        assert len(name) <= 255
        assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in name)
        name.encode()


def write_corpus(folder: Path) -> None:
    """Writes the seed corpus: an example of every payload shape."""
    for number, channel in enumerate(keys.CHANNELS):
        for index, example in enumerate(EXAMPLES[channel]):
            data = bytes([number]) + json.dumps(example).encode()
            (folder / f"{number}-{index}").write_bytes(data)


def main(arguments: list[str]) -> None:
    """Fuzzes until libFuzzer ends the process, with exit code 0 if there are no findings."""
    folder = Path(".data") / "fuzzing"
    corpus, findings = folder / "corpus", folder / "findings"
    for each in (corpus, findings):
        each.mkdir(parents=True, exist_ok=True)
    write_corpus(corpus)
    options = [f"-artifact_prefix={findings}/", *(arguments or DEFAULTS)]
    atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1:])
