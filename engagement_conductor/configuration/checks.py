"""System checks: what is likely to be set wrong, and what to do about it."""

import os
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from anomalies_app.detector.calibration import CalibrationError
from anomalies_app.shards.calibration_files import load_calibration

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}
SET_UP = "Run `make setup`."


@register(Tags.urls)
def check_public_url(**_: Any) -> list[CheckMessage]:
    """``PUBLIC_URL`` is an origin, because forms and sockets are accepted from it alone."""
    parts = urlsplit(settings.PUBLIC_URL)
    if parts.scheme in {"http", "https"} and parts.hostname and not (parts.path or parts.query):
        return []
    return [
        Error(
            f"PUBLIC_URL is not the address of a server: {settings.PUBLIC_URL!r}.",
            hint="Give scheme, host and port only, for example https://engagement.example.org.",
            id="engagement_conductor.E001",
        )
    ]


@register(Tags.security)
def check_debug(**_: Any) -> list[CheckMessage]:
    """Debug pages show settings and source code."""
    if not (settings.DEBUG and settings.SECURE):
        return []
    return [
        Error(
            f"DEBUG is True while the product is public at {settings.PUBLIC_URL}.",
            hint="Unset DEBUG, or set PUBLIC_URL to an http:// address of this machine.",
            id="engagement_conductor.E002",
        )
    ]


@register("detection")
def check_calibration(**_: Any) -> list[CheckMessage]:
    """Without its calibration the detector cannot judge anything, and no tick gets through."""
    try:
        load_calibration(settings.DETECTOR_CALIBRATION)
    except CalibrationError as error:
        return [
            Error(
                f"DETECTOR_CALIBRATION names no calibration that can be used: {error}.",
                hint="Unset it for the built-in one, or make one of that name: "
                f"`manage.py calibrate_detector --name {settings.DETECTOR_CALIBRATION}`.",
                id="engagement_conductor.E003",
            )
        ]
    return []


@register(Tags.staticfiles)
def check_chart(**_: Any) -> list[CheckMessage]:
    """The chart's library comes from npm and is not in the repository."""
    if settings.CHART_DIR.is_dir():
        return []
    return [
        Warning(
            f"Chart.js is not installed: there is no {settings.CHART_DIR}.",
            hint=f"{SET_UP} Without Make: `npm ci`.",
            id="engagement_conductor.W001",
        )
    ]


# Not with the tag of static files: `collectstatic` runs those checks to make what is missing here.
@register("pages")
def check_manifest(**_: Any) -> list[CheckMessage]:
    """Without the manifest every page fails."""
    if settings.DEBUG or (settings.STATIC_ROOT / "staticfiles.json").exists():
        return []
    return [
        Warning(
            f"The static files are not collected: there is no {settings.STATIC_ROOT}.",
            hint=f"{SET_UP} Without Make: `python manage.py collectstatic --noinput`.",
            id="engagement_conductor.W002",
        )
    ]


@register(Tags.security, deploy=True)
def check_transport(**_: Any) -> list[CheckMessage]:
    """Passwords and sessions should not cross a network in the clear."""
    if settings.SECURE or urlsplit(settings.PUBLIC_URL).hostname in LOOPBACK_HOSTS:
        return []
    return [
        Warning(
            f"People sign in without encryption at {settings.PUBLIC_URL}.",
            hint="Put a proxy with TLS in front and set PUBLIC_URL to its https:// address.",
            id="engagement_conductor.W003",
        )
    ]


@register(Tags.security, deploy=True)
def check_servers(**_: Any) -> list[CheckMessage]:
    """The embedded servers serve one machine and live as long as the stack does."""
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not missing or not settings.SECURE:
        return []
    return [
        Warning(
            f"{' and '.join(missing)} not set: a public deployment would use embedded servers.",
            hint="Set them to a TimescaleDB and a Redis server of your own.",
            id="engagement_conductor.W004",
        )
    ]
