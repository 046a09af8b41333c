"""Login forms, the client's address and network, and the page after too many attempts."""

import math
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

# Failed attempts are stored with the name, in a column of this length.
MAX_NAME_LENGTH = 255
# The prefix that a provider assigns to one customer, who has 2^64 addresses in it.
NETWORK_BITS = 64


class BoundedNameMixin:
    """Rejects names longer than any user's can be."""

    def clean(self) -> dict[str, Any]:
        if len(self.cleaned_data.get("username") or "") > MAX_NAME_LENGTH:
            raise self.get_invalid_login_error()
        return super().clean()


class LoginForm(BoundedNameMixin, AuthenticationForm):
    """The login form of the dashboard."""


class AdminLoginForm(BoundedNameMixin, AdminAuthenticationForm):
    """The login form of the admin."""


def client_address(request: HttpRequest) -> str | None:
    """The client's address as seen by the outermost of our own proxies."""
    forwarded = outermost_address(request.headers.get("X-Forwarded-For", ""))
    return forwarded or request.META.get("REMOTE_ADDR") or None


def client_network(request: HttpRequest) -> str | None:
    """The client's network, by which its attempts are counted."""
    address = client_address(request)
    return None if address is None else network_of(address)


def network_of(address: str) -> str:
    """An IPv4 address in canonical form, even if mapped to IPv6; the network of an IPv6 address."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), NETWORK_BITS), strict=False).network_address)


def refuse_login(
    request: HttpRequest, response: HttpResponse, credentials: dict[str, Any] | None = None
) -> HttpResponse:
    """The page after a refused attempt: says how long to wait, and why."""
    seconds = math.ceil(getattr(request, "login_pause", 0.0))
    retry = seconds or round(settings.AXES_COOLOFF_TIME.total_seconds())
    context = {"failure_limit": settings.AXES_FAILURE_LIMIT, "seconds": seconds}
    page = render(request, "registration/locked.html", context, status=429)
    page.headers["Retry-After"] = str(retry)
    return page


def outermost_address(forwarded: str) -> str | None:
    """The address of the client of our outermost proxy; None if no proxy of ours reports one.

    Every proxy appends the address of its client to ``X-Forwarded-For``; whatever is further left
    was sent by the browser and cannot be trusted.
    """
    proxies = settings.TRUSTED_PROXIES
    seen = forwarded.split(",")
    if proxies and len(seen) >= proxies:
        try:
            return str(ip_address(seen[-proxies].strip()))
        except ValueError:
            pass  # not written by a well-behaved proxy
    return None
