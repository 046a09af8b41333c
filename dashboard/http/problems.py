"""API errors as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Any

from django.http import JsonResponse

CONTENT_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with an error response.

    Args:
        status: the HTTP status; its phrase becomes the title.
        detail: what is wrong with this request, in a sentence.
        headers: of the response.
        members: additional fields for programs.
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
    """404 for sessions that do not exist and for those not visible to the token alike."""
    return ProblemError(
        HTTPStatus.NOT_FOUND, "There is no such session, or it is not visible to the token."
    )


def bad_parameter(name: str, expected: str) -> ProblemError:
    """400 for an invalid query parameter."""
    return ProblemError(HTTPStatus.BAD_REQUEST, f"{name} must be {expected}.", parameter=name)
