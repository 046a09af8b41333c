"""System checks for likely mistakes in the configuration, each with a hint."""

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
    """``PUBLIC_URL`` must be an origin: forms and sockets are accepted from it alone."""
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
    """``DEBUG`` must be off in public: its error pages show settings and source code."""
    if not (settings.DEBUG and settings.SECURE):
        return []
    return [
        Error(
            f"DEBUG is True although the product is public at {settings.PUBLIC_URL}.",
            hint="Unset DEBUG, or set PUBLIC_URL to an http:// address of this machine.",
            id="engagement_conductor.E002",
        )
    ]


@register("detection")
def check_calibration(**_: Any) -> list[CheckMessage]:
    """The calibration must be usable: without it the detector fails, and no tick is scored."""
    try:
        load_calibration(settings.DETECTOR_CALIBRATION)
    except CalibrationError as error:
        return [
            Error(
                f"DETECTOR_CALIBRATION does not name a usable calibration: {error}.",
                hint="Unset it to use the built-in one, or create one of that name: "
                f"`manage.py calibrate_detector --name {settings.DETECTOR_CALIBRATION}`.",
                id="engagement_conductor.E003",
            )
        ]
    return []


@register(Tags.staticfiles)
def check_chart(**_: Any) -> list[CheckMessage]:
    """Chart.js must be installed: it comes from npm and is not in the repository."""
    if settings.CHART_DIR.is_dir():
        return []
    return [
        Warning(
            f"Chart.js is not installed: {settings.CHART_DIR} does not exist.",
            hint=f"{SET_UP} Without Make: `npm ci`.",
            id="engagement_conductor.W001",
        )
    ]


# Not tagged `staticfiles`: `collectstatic`, which makes the manifest, runs the checks of that tag.
@register("pages")
def check_manifest(**_: Any) -> list[CheckMessage]:
    """The manifest must exist: without it every page fails."""
    if settings.DEBUG or (settings.STATIC_ROOT / "staticfiles.json").exists():
        return []
    return [
        Warning(
            f"The static files have not been collected: {settings.STATIC_ROOT} has no manifest.",
            hint=f"{SET_UP} Without Make: `python manage.py collectstatic --noinput`.",
            id="engagement_conductor.W002",
        )
    ]


@register(Tags.security, deploy=True)
def check_transport(**_: Any) -> list[CheckMessage]:
    """Passwords and session cookies should not cross a network unencrypted."""
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
    """A public deployment should not use the embedded servers, which run only with the stack."""
    missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not os.environ.get(name)]
    if not missing or not settings.SECURE:
        return []
    return [
        Warning(
            f"{' and '.join(missing)} not set: a public deployment would use embedded servers.",
            hint="Set them to your own TimescaleDB and Redis servers.",
            id="engagement_conductor.W004",
        )
    ]
