"""Requests that are larger than the product takes."""

from typing import Any

import pytest

from engagement_conductor.web_server.request import Request


def test_the_answer_to_a_large_body_has_the_headers_of_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[Any] = []
    headers: dict[bytes, bytes] = {}
    request = Request.__new__(Request)
    monkeypatch.setattr(Request, "setHeader", lambda self, *pair: headers.update([pair]))
    monkeypatch.setattr(Request, "handle_reply", lambda self, message: sent.append(message))
    request.basic_error(413, b"Content Too Large", "The request is too large.")
    assert sent[0]["status"] == 413
    assert headers[b"x-frame-options"] == b"DENY"
    assert b"frame-ancestors 'none'" in headers[b"content-security-policy"]
