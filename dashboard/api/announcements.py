"""Breaks and ends of sessions, announced by programs. Repeating one changes nothing."""

import logging
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from dashboard.api.views import describe_session, find_session
from dashboard.http.problems import ProblemError
from dashboard.models import ApiToken
from dashboard.pages.without_scores import with_or_without_scores
from sessions_app.control.announcements import begin_break, end_break, end_session
from sessions_app.models import Session
from sessions_app.telemetry.log_context import log_context

logger = logging.getLogger(__name__)


def pause(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """Starts a break, which lasts until the session is resumed."""
    return _announce(token, external_id, begin_break, "a break")


def resume(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """Ends the break."""
    return _announce(token, external_id, end_break, "the end of a break")


def end(request: HttpRequest, token: ApiToken, external_id: str) -> dict[str, Any]:
    """Ends the session."""
    return _announce(token, external_id, end_session, "its end", even_if_ended=True)


def _announce(
    token: ApiToken,
    external_id: str,
    announce: Callable[[Session, datetime], bool],
    what: str,
    even_if_ended: bool = False,
) -> dict[str, Any]:
    with transaction.atomic():
        session = find_session(token, external_id, for_update=True)
        if session.is_over and not even_if_ended:
            raise ProblemError(HTTPStatus.CONFLICT, "The session has ended.")
        if announce(session, timezone.now()):
            with log_context(session=external_id, token=token.name):
                logger.info("Token %s has announced %s.", token, what)
    # The announcement is committed, whether or not the scores can be read.
    body, _ = with_or_without_scores(lambda scores: describe_session(session, scores))
    return body
