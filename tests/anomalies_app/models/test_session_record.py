"""What belongs to a session goes with the session, whatever becomes of its event."""

import pytest
from django.utils import timezone

from anomalies_app.models import AgentPerformance, Intervention
from tests.factories import make_event, make_session

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("model", [Intervention, AgentPerformance])
def test_records_outlive_their_event_but_not_their_session(
    model: type[Intervention | AgentPerformance],
) -> None:
    former = make_event("Conference")
    session = make_session(former, "Keynote")
    model.objects.create(session=session, event=former, time=timezone.now())
    session.event = make_event("Webinars")
    session.save()
    former.delete()
    assert model.objects.count() == 1
    session.delete()
    assert model.objects.count() == 0
