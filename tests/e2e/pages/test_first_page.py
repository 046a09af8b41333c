"""The size of a page on its first visit, and the stability of its layout."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from playwright.sync_api import Page, Route

from tests.e2e.scenes.all_scenes import SCENES
from tests.e2e.scenes.scene import Scene, do_nothing, wait_until_connected
from tests.e2e.scenes.stage import Stage

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(120),
    pytest.mark.django_db(transaction=True),
]

MOST_BYTES = 250_000
# Runs before the page's own scripts. Ignores ages on cards: on a slow machine a card may already be
# stale, and its age is longer than "now".
OBSERVE = """
window.shifts = [];
new PerformanceObserver((list) => {
    for (const { value, sources } of list.getEntries()) {
        if (sources.every(({ node }) => node?.parentElement?.closest(".card-facts"))) continue;
        const moved = sources.map(({ node, previousRect, currentRect }) => {
            const name = node?.parentElement?.outerHTML.slice(0, 80);
            return [name, JSON.stringify(previousRect), JSON.stringify(currentRect)].join(" ");
        });
        shifts.push(`${value}: ${moved.join("; ")}`);
    }
}).observe({ type: "layout-shift", buffered: true });
"""
SCENE_OF = {scene.name: scene for scene in SCENES}


@dataclass
class Load:
    """What was loaded over the network: addresses, and bytes transferred."""

    requests: dict[str, float] = field(default_factory=dict)

    def watch(self, page: Page) -> None:
        page.add_init_script(OBSERVE)
        urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", lambda sent: urls.update(_url_of(sent)))
        session.on("Network.loadingFinished", lambda done: self._count(urls, done))
        session.send("Network.enable")

    def _count(self, urls: dict[str, str], done: dict[str, Any]) -> None:
        self.requests[urls[done["requestId"]]] = done["encodedDataLength"]


def _url_of(sent: dict[str, Any]) -> dict[str, str]:
    return {sent["requestId"]: sent["request"]["url"]}


def settle(page: Page) -> None:
    """Waits until the page is connected and has drawn its snapshot."""
    wait_until_connected(page)
    page.wait_for_timeout(1_500)


@pytest.mark.parametrize(
    ("name", "width"),
    [("overview", 375), ("overview-500", 1280), ("session", 1280), ("session-critical", 375)],
)
def test_the_first_page_is_light_and_does_not_jump(stage: Stage, name: str, width: int) -> None:
    load = Load()
    scene: Scene = replace(SCENE_OF[name], prepare=load.watch, act=settle)
    with stage.show(scene, width) as page:
        assert page.evaluate("shifts") == []
    assert any("/chart." in url for url in load.requests) == name.startswith("session")
    assert sum(load.requests.values()) < MOST_BYTES


def respond_partially(route: Route) -> None:
    """Responds with a page that is still loading: with only two of its cards."""
    response = route.fetch()
    head, *cards = response.text().split('<li class="card"')
    route.fulfill(response=response, body='<li class="card"'.join([head, *cards[:2]]))


def test_cards_keep_their_place_while_others_load(stage: Stage) -> None:
    address = stage.base + "/"
    scene = replace(
        SCENE_OF["overview-500"],
        prepare=lambda page: page.route(address, respond_partially),
        act=do_nothing,
    )
    with stage.show(scene, 1280) as page:
        card = page.locator(".card").first
        begun = card.bounding_box()
        page.unroute(address)
        page.reload()
        assert card.bounding_box() == begun
