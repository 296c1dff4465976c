"""Text can be read in every theme of ours, and states are told apart by who does not see all colours."""

from __future__ import annotations

from itertools import combinations

import pytest
from textual.color import Color
from textual.theme import Theme

from workbench.tui.themes import COLOUR_BLIND, HIGH_CONTRAST, THEMES


def contrast(one: Color, other: Color) -> float:
    """As WCAG 2.2 defines it, 1 to 21."""

    def luminance(colour: Color) -> float:
        linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.normalized]
        return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


ids = [theme.name for theme in THEMES]


def colour(theme: Theme, name: str) -> Color:
    value = Color.parse(theme.to_color_system().generate()[name])
    return Color.parse(theme.background or "").blend(value, value.a, 1.0) if value.a < 1 else value


@pytest.mark.parametrize("theme", THEMES, ids=ids)
def test_words_can_be_read_on_every_ground(theme: Theme) -> None:
    least = 7.0 if theme is HIGH_CONTRAST else 4.5
    for ground in ("background", "surface", "panel"):
        for words in ("foreground", "primary", "success", "warning", "error", "accent"):
            found = contrast(colour(theme, ground), colour(theme, words))
            assert found >= least, f"{words} on {ground}: {found:.1f}"


@pytest.mark.parametrize("theme", THEMES, ids=ids)
def test_the_number_of_the_current_tab_can_be_read(theme: Theme) -> None:
    assert contrast(colour(theme, "primary"), colour(theme, "background")) >= 4.5


MATRICES = {  # Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB
    "protanopia": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopia": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopia": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}


@pytest.mark.parametrize("kind", MATRICES)
def test_success_warning_and_error_differ_for_the_colour_blind(kind: str) -> None:
    def seen(name: str) -> tuple[float, float, float]:
        linear = [((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour(COLOUR_BLIND, name).rgb]
        r, g, b = (sum(m * c for m, c in zip(row, linear, strict=True)) for row in MATRICES[kind])
        return r, g, b

    for one, other in combinations(("success", "warning", "error"), 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5
        assert distance > 0.5, f"{one} and {other}: {distance:.2f}"
