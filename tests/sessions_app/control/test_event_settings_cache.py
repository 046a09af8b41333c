"""Per-event settings: from the admin's form to the arrays that a tick is judged with."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from sessions_app.control.event_settings_cache import DETECTION_FIELDS, EventSettingsCache
from sessions_app.models import Event
from sessions_app.scoring.detection_settings import DetectionSettings
from sessions_app.scoring.score import ScoreSettings
from tests.factories import make_event

pytestmark = pytest.mark.django_db


def cache_of(*events: Event) -> EventSettingsCache:
    cache = EventSettingsCache()
    cache.refresh()
    cache.ensure(np.array([event.pk for event in events]))
    return cache


def test_an_event_has_the_defaults_of_both_settings() -> None:
    event = make_event("Conference")
    assert event.score_settings == ScoreSettings()
    assert event.detection_settings == DetectionSettings()


def test_each_session_gets_the_settings_of_its_event() -> None:
    usual, careful = make_event("Usual"), make_event("Careful")
    careful.sensitivity, careful.mute_mass_exit, careful.chat_weight = 2.5, True, 0.5
    careful.save()
    cache = cache_of(usual, careful)
    of_sessions = np.array([careful.pk, usual.pk, careful.pk, 0])
    settings = cache.detection_settings_for(of_sessions)
    assert np.asarray(settings.sensitivity).tolist() == [2.5, 1.0, 2.5, 1.0]
    assert np.asarray(settings.mute_mass_exit).tolist() == [True, False, True, False]
    assert np.asarray(settings.sudden_drop_threshold).tolist() == [0.25] * 4
    weights = cache.settings_for(of_sessions).chat_weight
    assert np.asarray(weights).tolist() == [0.5, 0.3, 0.5, 0.3]


def test_flags_are_flags_and_the_rest_numbers() -> None:
    settings = cache_of().detection_settings_for(np.zeros(2, dtype=np.int64))
    kinds = {name: np.asarray(getattr(settings, name)).dtype.kind for name in DETECTION_FIELDS}
    assert kinds == {
        name: "b" if name.startswith("mute_") else "f" for name in DetectionSettings().__dict__
    }


def test_no_sessions_have_no_settings() -> None:
    settings = cache_of().detection_settings_for(np.zeros(0, dtype=np.int64))
    assert [len(np.asarray(getattr(settings, name))) for name in DETECTION_FIELDS] == [0] * 10


def test_an_edit_is_taken_over_at_the_next_refresh() -> None:
    event = make_event("Conference")
    cache = cache_of(event)
    event.mute_sudden_drop = True
    event.save()
    cache.refresh()
    keys = np.array([event.pk])
    assert not np.any(cache.detection_settings_for(keys).mute_sudden_drop), "not within a second"
    cache._refreshed_at -= timedelta(seconds=5)
    cache.refresh()
    assert np.all(cache.detection_settings_for(keys).mute_sudden_drop)


@pytest.mark.parametrize("value", ["", "nan", "inf", "-0.1", "1.01", "a half"])
def test_the_admin_says_at_the_field_what_is_wrong_with_a_weight(
    admin_client: Client, value: str
) -> None:
    event = make_event("Conference")
    url = reverse("admin:sessions_app_event_change", args=[event.pk])
    names = (*ScoreSettings().__dict__, *DetectionSettings().__dict__)
    form = {name: getattr(event, name) for name in names if not name.startswith("mute_")}
    form |= {"title": "Conference", "external_id": event.external_id, "chat_weight": value}
    response = admin_client.post(url, form)
    assert set(response.context["adminform"].form.errors) == {"chat_weight"}


def test_detection_is_set_in_the_admin(admin_client: Client) -> None:
    event = make_event("Conference")
    url = reverse("admin:sessions_app_event_change", args=[event.pk])
    page = admin_client.get(url).content.decode()
    assert "Detection" in page
    assert "What raises an alert." in page
    form: dict[str, Any] = {
        name: getattr(event, name)
        for name in (*ScoreSettings().__dict__, *DetectionSettings().__dict__)
        if not name.startswith("mute_")
    }
    form |= {"title": "Conference", "external_id": event.external_id}
    form |= {"sensitivity": "0.5", "mute_gradual_decline": "on"}
    assert admin_client.post(url, form).status_code == 302
    event.refresh_from_db()
    assert event.detection_settings == DetectionSettings(sensitivity=0.5, mute_gradual_decline=True)
