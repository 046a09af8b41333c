"""axe-core in a page: what a machine can find of what keeps people out."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from engagement_conductor.configuration.env import BASE_DIR

SCHEMES = ("light", "dark")
# What is new in WCAG 2.2 axe-core leaves out unless it is asked for.
RUN = """() => axe.run(document, {
    resultTypes: ["violations"],
    rules: { "target-size": { enabled: true } },
})"""


@cache
def _source() -> str:
    path = BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """All rules of axe-core that the page breaks, each with the elements that do."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    return [_told(violation) for violation in page.evaluate(RUN)["violations"]]


def _told(violation: dict[str, Any]) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"])
    return f"{violation['id']} ({violation['help']}): {places}"
