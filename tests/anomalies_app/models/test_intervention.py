"""What an intervention and its effect are called."""

import pytest
from django.utils import timezone

from anomalies_app.models import AgentPerformance, Intervention
from tests.factories import make_event, make_session

pytestmark = pytest.mark.django_db


def test_an_intervention_is_a_suggestion_until_somebody_decides() -> None:
    session = make_session(make_event("Conference"), "Keynote")
    fields = {"session": session, "event": session.event, "time": timezone.now()}
    intervention = Intervention.objects.create(kind="CHAT_PROMPT", **fields)
    intervention.refresh_from_db()
    assert str(intervention) == f"Chat Prompt for {session.pk}: Suggested"
    effect = AgentPerformance.objects.create(agent="templates", **fields)
    assert str(effect) == f"templates in {session.pk}"
    assert effect.succeeded is None
