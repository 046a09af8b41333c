"""What groups are told: written as JSON once, and put together on its way to the sockets."""

from collections.abc import Iterable
from itertools import groupby
from typing import Any, NamedTuple

import msgspec


class Update(NamedTuple):
    """What one group is told, as it goes through the channel layer.

    Attributes:
        type: of the message that sockets send.
        group: who is told.
        field: of the message, which holds the items.
        items: JSON, with commas between them.
        now: the clock of the one who tells, in milliseconds since 1970.
    """

    type: str
    group: str
    field: str
    items: str
    now: int


def read_update(message: dict[str, Any]) -> Update:
    """An update as it came through the channel layer.

    Raises:
        TypeError: it is of another form, or its parts are.
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
    """What a socket says of the updates, in order: those of a type in a row in one message."""
    return [_message([*same]) for _, same in groupby(updates, key=lambda each: each.type)]


def _message(updates: list[Update]) -> str:
    last = updates[-1]
    items = ",".join(update.items for update in updates)
    return f'{{"type":"{last.type}","{last.field}":[{items}],"now":{last.now}}}'
