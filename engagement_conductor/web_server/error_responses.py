"""Errors that are answered before Django is asked, with the security headers of its pages."""

# Nothing in these responses may be loaded, framed or cached.
SECURITY_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)


def empty_response(status: int, reason: str) -> bytes:
    """A whole HTTP/1.1 response without a body, after which the connection is closed."""
    headers = (b"%b: %b\r\n" % header for header in SECURITY_HEADERS)
    return b"HTTP/1.1 %d %b\r\nConnection: close\r\nContent-Length: 0\r\n%b\r\n" % (
        status,
        reason.encode(),
        b"".join(headers),
    )
