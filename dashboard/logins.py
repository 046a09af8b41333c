"""Where a login comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The address of the browser, as the outermost of our own proxies saw it."""
    forwarded = outermost_address(request.headers.get("X-Forwarded-For", ""))
    return forwarded or request.META.get("REMOTE_ADDR") or None


def outermost_address(forwarded: str) -> str | None:
    """The address that our outermost proxy was asked by; None where no proxy of ours says one.

    Every proxy appends whom it was asked by to ``X-Forwarded-For``; what stands further left was
    sent by the browser and may be anything.
    """
    proxies = settings.TRUSTED_PROXIES
    seen = forwarded.split(",")
    if proxies and len(seen) >= proxies:
        try:
            return str(ip_address(seen[-proxies].strip()))
        except ValueError:
            pass  # not of a proxy that does as it should
    return None
