"""Chat messages that do not count: by their fault, with the beginning of the reason."""

from sessions_app.events.decoding import Fault

BAD_CHAT = {
    Fault.NOT_JSON: {
        "nothing": (b"", "Input data was truncated"),
        "broken": (b'{"sessionId":"s"', "Input data was truncated"),
        "no JSON": (b"hello", "JSON is malformed: invalid character"),
        "trailing": (
            b'{"sessionId":"s","message":{"id":"a","authorId":"b"}} x',
            "JSON is malformed: trailing characters",
        ),
        "not UTF-8": (
            b'{"sessionId":"s","message":{"id":"a","authorId":"b","text":"\xff"}}',
            "'utf-8' codec can't decode byte 0xff",
        ),
        "UTF-16": ('{"sessionId":"s"}'.encode("utf-16"), "'utf-8' codec can't decode byte 0xff"),
        "NaN": (b'{"sessionId":"s","message":NaN}', "JSON is malformed: invalid character"),
        "deep": (
            b'{"sessionId":"s","x":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
            "nested too deeply",
        ),
    },
    Fault.WRONG_SHAPE: {
        "an array": (b"[]", "Expected `object`, got `array`"),
        "null": (b"null", "Expected `object`, got `null`"),
        "a number": (b"12", "Expected `object`, got `int`"),
        "a string": (b'"s"', "Expected `object`, got `str`"),
        "no session": (
            b'{"message":{"id":"a","authorId":"b"}}',
            "Object missing required field `sessionId`",
        ),
        "empty session": (
            b'{"sessionId":"","message":{"id":"a","authorId":"b"}}',
            "Expected `str` of length >= 1 - at `$.sessionId`",
        ),
        "session null": (
            b'{"sessionId":null,"message":{"id":"a","authorId":"b"}}',
            "Expected `str`, got `null` - at `$.sessionId`",
        ),
        "session number": (
            b'{"sessionId":7,"message":{"id":"a","authorId":"b"}}',
            "Expected `str`, got `int` - at `$.sessionId`",
        ),
        "long session": (
            b'{"sessionId":"%s","message":{"id":"a","authorId":"b"}}' % (b"x" * 256),
            "Expected `str` of length <= 255 - at `$.sessionId`",
        ),
        "no message": (b'{"sessionId":"s"}', "Object missing required field `message`"),
        "message a list": (
            b'{"sessionId":"s","message":[]}',
            "Expected `object`, got `array` - at `$.message`",
        ),
        "no author": (
            b'{"sessionId":"s","message":{"id":"a"}}',
            "Object missing required field `authorId` - at `$.message`",
        ),
        "no id": (
            b'{"sessionId":"s","message":{"authorId":"b"}}',
            "Object missing required field `id` - at `$.message`",
        ),
        "event a number": (
            b'{"sessionId":"s","eventId":1,"message":{"id":"a","authorId":"b"}}',
            "Expected `str | null`, got `int` - at `$.eventId`",
        ),
    },
    Fault.BAD_ID: {
        "control": (
            b'{"sessionId":"a\\u0000","message":{"id":"a","authorId":"b"}}',
            "an ID has control characters",
        ),
        "newline in user": (
            b'{"sessionId":"s","message":{"id":"a","authorId":"b\\n"}}',
            "an ID has control characters",
        ),
        "C1 control": (
            b'{"sessionId":"s\\u0085","message":{"id":"a","authorId":"b"}}',
            "an ID has control characters",
        ),
        "surrogate": (
            b'{"sessionId":"\\ud800","message":{"id":"a","authorId":"b"}}',
            "an ID has control characters",
        ),
        "half of a pair": (
            b'{"sessionId":"s","message":{"id":"%s\\ud83d","authorId":"b"}}' % (b"a" * 254),
            "an ID has control characters",
        ),
    },
    Fault.TOO_LARGE: {
        "large": (
            b'{"sessionId":"s","x":"' + b"x" * 70_000 + b'"}',
            "payload of 70024 bytes, over 65536",
        ),
    },
}
