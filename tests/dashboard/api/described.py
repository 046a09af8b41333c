"""A client of the API whose every answer is checked against the API's description."""

import json
import re
from functools import cache
from typing import Any

import yaml
from django.test import Client
from jsonschema import Draft202012Validator, FormatChecker

from dashboard.api.views import SPECIFICATION
from dashboard.models import ApiToken
from sessions_app.models import Event

ROOT = "/api/v1"


@cache
def specification() -> dict[str, Any]:
    return yaml.safe_load(SPECIFICATION.read_text())


def make_token(name: str, *events: Event, **fields: Any) -> str:
    token, secret = ApiToken.objects.issue(name=name, **fields)
    token.events.set(events)
    return secret


class Program:
    """Calls the API with a token; what is not as described fails."""

    def __init__(self, secret: str | None) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.headers = {} if secret is None else {"authorization": f"Bearer {secret}"}

    def get(self, path: str, **headers: str) -> Any:
        return self._checked("get", path, headers)

    def post(self, path: str) -> Any:
        return self._checked("post", path, {})

    def _checked(self, method: str, path: str, headers: dict[str, str]) -> Any:
        call = getattr(self.client, method)
        address = path if path.startswith(ROOT) else ROOT + path
        response = call(address, headers={**self.headers, **headers})
        check(method, path.removeprefix(ROOT), response)
        return response


def check(method: str, path: str, response: Any) -> None:
    """Fails when an answer is not one that the description has for this address."""
    answers = _operation(method, path)["responses"]
    if response.status_code == 304:
        assert "304" in answers
        assert not response.content
        return
    described = _resolved(answers.get(str(response.status_code), answers["default"]))
    content_type = response.headers["Content-Type"]
    schema = {**described["content"][content_type]["schema"], "components": _components()}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    validator.validate(json.loads(response.content))


def _operation(method: str, path: str) -> dict[str, Any]:
    plain = path.partition("?")[0]
    templates = sorted(specification()["paths"], key=lambda name: (name.count("{"), -len(name)))
    for template in templates:
        pattern = re.sub(r"\{\w+\}", ".+", template)
        if re.fullmatch(pattern, plain) and method in specification()["paths"][template]:
            return specification()["paths"][template][method]
    raise AssertionError(f"{method} {plain} is not described")


def _resolved(part: dict[str, Any]) -> dict[str, Any]:
    reference = part.get("$ref")
    if reference is None:
        return part
    found: Any = specification()
    for name in reference.removeprefix("#/").split("/"):
        found = found[name]
    return found


def _components() -> dict[str, Any]:
    return specification()["components"]


def session_path(session: Any, more: str = "") -> str:
    """The address of a session, or of what there is of it, below the API's root."""
    return f"/sessions/{session.external_id}/{more}"
