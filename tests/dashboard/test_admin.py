"""Whatever the admin shows a page at a time has an order, or pages would overlap."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from sessions_app.admin.change_list import CheckedList
from tests.dashboard.access import MODELS
from tests.dashboard.conftest import logged_in
from tests.factories import Cast, make_event

pytestmark = pytest.mark.integration

FIELDS = [
    (model._meta, name)
    for model, model_admin in admin.site._registry.items()
    for name in model_admin.autocomplete_fields
]


def test_every_list_has_an_order(cast: Cast) -> None:
    request = RequestFactory().get("/")
    request.user = cast.admin
    for model_admin in admin.site._registry.values():
        assert model_admin.get_queryset(request).ordered, model_admin


def test_every_list_is_checked() -> None:
    request = RequestFactory().get("/")
    for model_admin in admin.site._registry.values():
        assert issubclass(model_admin.get_changelist(request), CheckedList), model_admin


def test_a_new_row_is_filled_with_what_its_fields_can_have(cast: Cast) -> None:
    query = f"title=Talk&event={cast.session.event.pk}&ended_at=2026-11-28T10:20&nothing=7"
    page = logged_in(cast.admin).get(f"/admin/sessions_app/session/add/?{query}")
    shown = page.context["adminform"].form
    assert shown["event"].value() == cast.session.event.pk
    for text in ('value="Talk"', 'value="2026-11-28"', 'value="10:20:00"'):
        assert text in page.content.decode()


def test_there_is_something_to_complete() -> None:
    assert len(FIELDS) >= 3


@pytest.mark.parametrize(("options", "name"), FIELDS, ids=str)
def test_what_is_completed_has_an_order(cast: Cast, options: object, name: str) -> None:
    """A warning is an error here."""
    for number in range(25):
        make_event(f"Event {number % 3}", cast.alice)
    query = f"app_label={options.app_label}&model_name={options.model_name}&field_name={name}"
    found = []
    for page in (1, 2):
        address = f"/admin/autocomplete/?{query}&term=&page={page}"
        answer = logged_in(cast.admin).get(address)
        if answer.status_code == 200:
            found += [item["id"] for item in answer.json()["results"]]
    assert len(found) == len(set(found)) > 0


@pytest.mark.parametrize("model", MODELS)
def test_no_list_warns(cast: Cast, model: str) -> None:
    browser = logged_in(cast.admin)
    for query in ("", "?q=a", "?p=1", "?o=1", "?all="):
        assert browser.get(f"/admin/{model}/{query}", follow=True).status_code == 200
