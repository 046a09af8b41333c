"""axe-core finds no violations on any page, in either colour scheme."""

import pytest

from tests.e2e.scenes.all_scenes import SCENES
from tests.e2e.scenes.axe import SCHEMES, violations
from tests.e2e.scenes.scene import Scene
from tests.e2e.scenes.stage import Stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.django_db(transaction=True),
]


CHECKED = [scene for scene in SCENES if scene.checked]


@pytest.mark.parametrize("scene", CHECKED, ids=lambda scene: scene.name)
def test_axe_finds_nothing(stage: Stage, scene: Scene) -> None:
    with stage.show(scene, width=1280) as page:
        found = {}
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found[scheme] = violations(page)
    assert found == {scheme: [] for scheme in SCHEMES}
