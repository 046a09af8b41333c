"""What WebSockets are sent: encoded once per group, and joined to messages on the way."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import msgspec


class Update(NamedTuple):
    """What the WebSockets of one group are sent, as it goes through the channel layer.

    Attributes:
        type: of the message that WebSockets send.
        group: of the channel layer.
        field: of the message, that holds the items.
        items: JSON objects, separated by commas.
        now: the sender's clock, in milliseconds since 1970.
    """

    type: str
    group: str
    field: str
    items: str
    now: int


def read_update(message: dict[str, Any]) -> Update:
    """An update as it came through the channel layer.

    Raises:
        TypeError: a field is missing, unknown or of another type.
    """
    update = Update(**message)
    for name, kind in Update.__annotations__.items():
        if type(getattr(update, name)) is not kind:
            raise TypeError(f"An update cannot be read: its {name} is no {kind.__name__}.")
    return update


def encode_items(items: list[dict[str, Any]]) -> str:
    """The items of an :class:`Update`."""
    return msgspec.json.encode(items)[1:-1].decode()


def messages(updates: Iterable[Update]) -> list[str]:
    """The messages for these updates, in order; one for each run of updates of the same type."""
    return [_message([*run]) for _, run in groupby(updates, key=lambda update: update.type)]


def _message(updates: list[Update]) -> str:
    last = updates[-1]
    items = ",".join(update.items for update in updates)
    return f'{{"type":"{last.type}","{last.field}":[{items}],"now":{last.now}}}'
