"""The dashboard's own tables: API tokens, and networks that users have logged in from."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.utils import timezone

from sessions_app.models import Event, Session
from sessions_app.queries.querysets import EventQuerySet, SessionQuerySet

TOKEN_BYTES = 32
SHOWN_CHARACTERS = 8
# Without this, a busy token would cause a write with every request.
LAST_USED_ACCURACY = timedelta(minutes=1)


class ApiTokenQuerySet(models.QuerySet[Any]):
    """Queries for tokens."""

    def issue(self, **fields: Any) -> tuple[Any, str]:
        """Creates a token; returns it and its secret, which cannot be recovered later."""
        token = self.model(**fields)
        secret = token.renew_secret()
        token.save()
        return token, secret

    def valid(self) -> Self:
        """Tokens that have not been revoked."""
        return self.filter(revoked_at__isnull=True)

    def with_secret(self, secret: str) -> Any | None:
        """The valid token with this secret; None if there is none."""
        return self.valid().filter(digest=digest_of(secret)).first()


class ApiToken(models.Model):
    """A program that may use the API, identified by the hash of its secret.

    The secret has 256 random bits, so a plain hash of it reveals nothing.
    """

    name = models.CharField(
        max_length=100, unique=True, help_text="Who uses the token, and for what."
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    beginning = models.CharField(max_length=SHOWN_CHARACTERS, editable=False)
    all_events = models.BooleanField(
        default=False, help_text="Whether it sees all events, including future ones."
    )
    events = models.ManyToManyField(
        Event,
        blank=True,
        related_name="api_tokens",
        help_text="The events it sees, unless it sees all.",
    )
    can_write = models.BooleanField(
        default=False, help_text="Whether it may announce breaks and ends of sessions."
    )
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="api_tokens",
    )
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        ordering = ("name",)
        verbose_name = "API token"

    def __str__(self) -> str:
        return self.name

    def renew_secret(self) -> str:
        """Sets and returns a new secret; the token is not saved."""
        secret = secrets.token_urlsafe(TOKEN_BYTES)
        self.digest, self.beginning = digest_of(secret), secret[:SHOWN_CHARACTERS]
        return secret

    def visible_events(self) -> EventQuerySet:
        """The events visible to the token."""
        return Event.objects.all() if self.all_events else Event.objects.filter(api_tokens=self)

    def visible_sessions(self) -> SessionQuerySet:
        """The sessions visible to the token."""
        if self.all_events:
            return Session.objects.all()
        return Session.objects.filter(event__api_tokens=self)

    def note_use(self) -> None:
        """Records that the token is used now, to the minute."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > LAST_USED_ACCURACY:
            self.last_used_at = now
            self.save(update_fields=["last_used_at"])

    def revoke(self) -> None:
        """Revokes the token immediately and permanently."""
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])


class LoginPlace(models.Model):
    """A user name in a network: since when it waits to log in, and when it last logged in.

    Names and networks are stored only as a keyed hash of both.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    waits_since = models.DateTimeField(null=True, db_index=True)
    logged_in_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return self.digest[:SHOWN_CHARACTERS]


def digest_of(secret: str) -> str:
    """The hash of a secret, as it is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
