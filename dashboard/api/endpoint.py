"""What all API endpoints share: authentication, quota, errors, caching."""

import hashlib
import logging
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any

import django.db
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.csrf import csrf_exempt

from dashboard.api.limits import take_request
from dashboard.http.errors import RETRY_SECONDS
from dashboard.http.losses import losses
from dashboard.http.problems import ProblemError
from dashboard.models import ApiToken
from dashboard.monitoring.access import bearer_token
from sessions_app.storage.locked_scores import ScoresLockedError
from sessions_app.telemetry.counters import REFUSED_REQUESTS, named
from sessions_app.telemetry.outages import first_line, log_failure

logger = logging.getLogger(__name__)

Body = dict[str, Any]
Handler = Callable[..., Body]


def endpoint(method: str, handler: Handler) -> Callable[..., HttpResponse]:
    """A view for one method that responds with the JSON returned by ``handler``.

    Args:
        method: ``GET``, or ``POST`` for tokens that may write.
        handler: called with the request, the token and the parts of the URL; may raise
            :class:`ProblemError`.
    """

    # Only the token in the header authenticates, never a cookie, so CSRF is impossible.
    @csrf_exempt
    @login_not_required
    @wraps(handler)
    def view(request: HttpRequest, **parts: str) -> HttpResponse:
        try:
            response = _answer(request, method, handler, parts)
        except ProblemError as problem:
            response = problem.response()
        except django.db.DataError as error:
            losses.count(named(REFUSED_REQUESTS, "unreadable"), first_line(error))
            response = ProblemError(HTTPStatus.BAD_REQUEST, "A value is out of range.").response()
        except ScoresLockedError as error:
            response = _unavailable(str(error)).response()
        except django.db.Error as error:
            log_failure(logger, "An API request failed", error)
            response = _unavailable().response()
        response.headers["Cache-Control"] = "private, no-cache"
        patch_vary_headers(response, ["Authorization"])
        return response

    return view


def _answer(
    request: HttpRequest, method: str, handler: Handler, parts: dict[str, str]
) -> HttpResponse:
    token = _authenticate(request)
    quota = take_request(token.pk)
    if quota.remaining < 0:
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "The token has made too many requests this minute.",
            {**quota.headers, "Retry-After": str(quota.reset_seconds)},
        )
    _check_method(request, method, token)
    token.note_use()
    response = JsonResponse(handler(request, token, **parts), headers=quota.headers)
    return _revalidated(request, response) if method == "GET" else response


def _authenticate(request: HttpRequest) -> ApiToken:
    secret = bearer_token(request)
    token = ApiToken.objects.with_secret(secret) if secret else None
    if token is None:
        raise ProblemError(
            HTTPStatus.UNAUTHORIZED,
            "Send a valid token as `Authorization: Bearer TOKEN`.",
            {"WWW-Authenticate": 'Bearer realm="api"'},
        )
    return token


def _check_method(request: HttpRequest, method: str, token: ApiToken) -> None:
    allowed = {"GET", "HEAD"} if method == "GET" else {method}
    if request.method not in allowed:
        raise ProblemError(
            HTTPStatus.METHOD_NOT_ALLOWED,
            f"Only {method} is allowed here.",
            {"Allow": ", ".join(sorted(allowed))},
        )
    if method == "POST" and not token.can_write:
        raise ProblemError(HTTPStatus.FORBIDDEN, "The token is read-only.")


def _revalidated(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The response, or 304 if the client's copy is current."""
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    response.headers["ETag"] = etag
    revalidated: HttpResponse = get_conditional_response(request, etag, response=response)
    return revalidated


def _unavailable(detail: str = "The database does not answer.") -> ProblemError:
    return ProblemError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        detail,
        {"Retry-After": str(RETRY_SECONDS)},
    )
