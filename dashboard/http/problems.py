"""Errors of the API, as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with an error.

    Args:
        status: the HTTP status, which gives the title.
        detail: what is wrong with this very request, in a sentence.
        headers: of the response.
        members: more that a program could use.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        headers: dict[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members

    def response(self) -> JsonResponse:
        """The problem as JSON."""
        body = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status.value,
            "detail": self.detail,
            **self.members,
        }
        return JsonResponse(
            body, status=self.status, content_type=CONTENT_TYPE, headers=self.headers
        )


def not_found() -> ProblemError:
    """What does not exist, and what the token may not see: they look the same."""
    return ProblemError(
        HTTPStatus.NOT_FOUND, "There is no such session, or the token may not see it."
    )


def bad_parameter(name: str, expected: str) -> ProblemError:
    """A query parameter that cannot be used."""
    return ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be {expected}.", parameter=name)
