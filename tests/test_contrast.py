"""Colours that everybody can read: the ratios of WCAG 2.1, level AA, in both themes."""

import re

import pytest

from engagement_conductor.configuration.env import BASE_DIR

CSS = (BASE_DIR / "static" / "css" / "colours.css").read_text(encoding="utf-8")
LEVELS = ("very-high", "high", "moderate", "low", "very-low", "none")


COLOURS = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", CSS)
LIGHT = {name: light for name, light, _ in COLOURS}
DARK = {name: dark for name, _, dark in COLOURS}


def luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.03928 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_extremes_have_the_known_ratio() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read(theme: dict[str, str]) -> None:
    pairs = [(text, back) for text in ("text", "muted", "accent") for back in ("page", "panel")]
    pairs += [("on-accent", "accent"), ("problem", "problem-back")]
    for severity in ("warning", "critical"):
        pairs += [("text", f"{severity}-back"), ("muted", f"{severity}-back")]
        pairs += [(f"on-{severity}", severity)]
    too_weak = {pair for pair in pairs if contrast(theme[pair[0]], theme[pair[1]]) < 4.5}
    assert too_weak == set()


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_levels_can_be_seen(theme: dict[str, str]) -> None:
    panel = theme["panel"]
    assert {name for name in LEVELS if contrast(theme[f"level-{name}"], panel) < 3} == set()
