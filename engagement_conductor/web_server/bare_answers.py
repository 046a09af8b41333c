"""Answers that are given before any page is asked have the headers of pages, as far as they go.

Nothing in such an answer is to be loaded, framed or kept.
"""

HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def raw_answer(status: int, reason: str) -> bytes:
    """A whole answer without content, after which the connection ends."""
    headers = (b"%b: %b\r\n" % header for header in HEADERS)
    return b"HTTP/1.1 %d %b\r\nConnection: close\r\nContent-Length: 0\r\n%b\r\n" % (
        status,
        reason.encode(),
        b"".join(headers),
    )
