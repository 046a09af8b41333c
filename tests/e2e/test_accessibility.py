"""axe-core finds nothing on any page, in either colour scheme."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connections

from tests.conftest import url_of_database
from tests.e2e.axe import SCHEMES, violations
from tests.e2e.browser import open_browser
from tests.e2e.scenes import SCENES, Scene
from tests.e2e.stack_process import RunningProcesses
from tests.e2e.stage import Stage, running_stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture(scope="module")
def stage(_collected: None, redis_url: str, chromium_path: str) -> Iterator[Stage]:
    """One server and browser for all scenes."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        # Playwright has a loop running in this thread, in which nothing here awaits anything.
        monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        product = RunningProcesses(settings.DATA_DIR, url_of_database(), redis_url)
        with open_browser(chromium_path) as browser, running_stage(product, browser) as stage:
            yield stage


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_axe_finds_nothing(stage: Stage, scene: Scene) -> None:
    with stage.show(scene, width=1280) as page:
        found = {}
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found[scheme] = violations(page)
    # In Playwright's loop Django uses connections of their own, which nobody else would close.
    connections.close_all()
    assert found == {scheme: [] for scheme in SCHEMES}
