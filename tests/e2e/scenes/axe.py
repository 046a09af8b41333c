"""Runs axe-core in a page, which finds accessibility violations automatically."""

from functools import cache
from typing import Any

from playwright.sync_api import Page

from engagement_conductor.configuration.env import BASE_DIR

SCHEMES = ("light", "dark")
# axe-core leaves out the rules that are new in WCAG 2.2 unless they are enabled.
RUN = """() => axe.run(document, {
    resultTypes: ["violations"],
    rules: { "target-size": { enabled: true } },
})"""


@cache
def _source() -> str:
    path = BASE_DIR / "node_modules" / "axe-core" / "axe.min.js"
    return path.read_text(encoding="utf-8")


def violations(page: Page) -> list[str]:
    """All axe-core rules that the page violates, each with the elements concerned."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    return [_describe(violation) for violation in page.evaluate(RUN)["violations"]]


def _describe(violation: dict[str, Any]) -> str:
    places = "; ".join(f"{node['target']}: {node['failureSummary']}" for node in violation["nodes"])
    return f"{violation['id']} ({violation['help']}): {places}"
