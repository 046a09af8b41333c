"""Errors of the API as RFC 9457 has them."""

import json
from http import HTTPStatus

from dashboard.http.problems import ProblemError, bad_parameter, not_found


def test_a_problem_says_what_is_wrong() -> None:
    headers = {"Retry-After": "5"}
    problem = ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "It is away.", headers, parameter="x")
    response = problem.response()
    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.headers["Retry-After"] == "5"
    assert json.loads(response.content) == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "It is away.",
        "parameter": "x",
    }


def test_a_parameter_is_named() -> None:
    body = json.loads(bad_parameter("limit", "a whole number").response().content)
    assert (body["status"], body["parameter"]) == (400, "limit")
    assert body["detail"] == "limit must be a whole number."


def test_what_is_not_visible_looks_like_what_does_not_exist() -> None:
    assert not_found().response().status_code == 404
    assert "not visible to" in json.loads(not_found().response().content)["detail"]
