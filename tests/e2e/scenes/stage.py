"""The real web server and a browser, which show one scene after another."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page

from tests.e2e.driving.stack_process import RunningProcesses, wait_for
from tests.e2e.scenes.scene import Scene
from tests.factories import make_cast


class Stage:
    """Shows scenes, each on a database that was empty before.

    Args:
        product: the product, with a running web server on this process's database.
    """

    def __init__(self, product: RunningProcesses, browser: Browser) -> None:
        self.base = f"http://127.0.0.1:{product.web_port}"
        self._browser = browser

    @contextmanager
    def show(self, scene: Scene, width: int, scheme: str = "light") -> Iterator[Page]:
        """Opens the page of a scene, with current data."""
        path = scene.build(make_cast())
        context = self._browser.new_context(
            viewport={"width": width, "height": round(width / 16 * 9) if width > 600 else 812},
            color_scheme=scheme,
            locale="en-GB",
            timezone_id="Europe/Berlin",
        )
        try:
            self._log_in(context, scene.user)
            page = context.new_page()
            scene.prepare(page)
            page.goto(self.base + path)
            shown = urlsplit(page.url).path
            assert shown == urlsplit(path).path, f"{path} leads to {shown}"
            scene.act(page)
            yield page
        finally:
            context.close()
            # Django opens separate connections in Playwright's loop, which nothing else closes.
            connections.close_all()

    def _log_in(self, context: BrowserContext, name: str) -> None:
        if not name:
            return
        client = Client()
        client.force_login(User.objects.get(username=name))
        cookies = [
            {"name": key, "value": morsel.value, "url": self.base}
            for key, morsel in client.cookies.items()
        ]
        context.add_cookies(cookies)


@contextmanager
def running_stage(product: RunningProcesses, browser: Browser) -> Iterator[Stage]:
    """A stage with a web server that runs until the block ends."""
    product.start("web")
    try:
        wait_for(lambda: product.page_status("/healthz") == 200, "the web server responds")
        yield Stage(product, browser)
    finally:
        product.stop()
