"""After an upgrade during which the version before went on."""

from collections.abc import Iterator

import pytest
from django.core.management import call_command

from tests.sessions_app.storage.test_stand_in_repair import AFTER, Past, migrate, placed

pytestmark = [pytest.mark.integration, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def past() -> Iterator[Past]:
    try:
        yield Past()
    finally:
        call_command("migrate", verbosity=0)


def test_what_an_old_process_has_made_meanwhile_is_repaired_by_a_command(
    past: Past, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(AFTER)
    past.event("42", "42")
    past.event("8", "8", "7")
    call_command("separate_stand_ins")
    assert placed() == {"42": ("42", "its own"), "8": ("8", "its own"), "7": ("8", "an event")}
    assert "1 stand-ins marked, 1 sessions moved" in capsys.readouterr().out
    call_command("separate_stand_ins")
    assert "0 stand-ins marked, 0 sessions moved" in capsys.readouterr().out
