"""Logging in: the form, and where a login comes from."""

from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest

# What failed is noted with its name, in a column of this length.
LONGEST_NAME = 255


class BoundedNameMixin:
    """Refuses names that are longer than any user's can be."""

    def clean(self) -> dict[str, Any]:
        if len(self.cleaned_data.get("username") or "") > LONGEST_NAME:
            raise self.get_invalid_login_error()
        return super().clean()


class LoginForm(BoundedNameMixin, AuthenticationForm):
    """The form of the pages' login."""


class AdminLoginForm(BoundedNameMixin, AdminAuthenticationForm):
    """The form of the admin's login."""


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
