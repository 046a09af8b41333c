"""Lists in the admin whose address asks for something that cannot be."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

DATES = {
    "anomalies_app_anomaly": "time",
    "sessions_app_session": "started_at",
    "sessions_app_event": "created_at",
}


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize("year", ["99999", "0", "-5"])
def test_a_year_that_there_is_not_is_a_filter_that_makes_no_sense(
    admin_client: Client, name: str, year: str
) -> None:
    url = reverse(f"admin:{name}_changelist")
    answer = admin_client.get(f"{url}?{DATES[name]}__year={year}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{url}?e=1")
    assert admin_client.get(answer.headers["Location"]).status_code == 200


def test_neither_is_what_no_database_can_look_for(admin_client: Client) -> None:
    url = reverse("admin:anomalies_app_anomaly_changelist")
    assert admin_client.get(f"{url}?type__exact=%00").status_code == 400
    assert admin_client.get(f"{url}export/?time__year=99999").status_code == 302
