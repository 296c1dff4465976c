"""The workbench's own themes. Text on them has a contrast of 4.5 to 1 at least, in the high-contrast one of 7 to 1."""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

DARK: Final = Theme(
    name="workbench-dark",
    primary="#5fa8e8",
    secondary="#4a86b8",
    accent="#e0b050",
    success="#6cc788",
    warning="#e8b04a",
    error="#f27a7a",
    foreground="#e4e6ea",
    background="#14171c",
    surface="#1b1f26",
    panel="#262b34",
    variables={"footer-key-foreground": "#e0b050"},
)
LIGHT: Final = Theme(
    name="workbench-light",
    primary="#0b5394",
    secondary="#3a6ea5",
    accent="#7a4a00",
    success="#1c6b34",
    warning="#7d4e00",
    error="#a61b1b",
    foreground="#1a1c20",
    background="#fbfbf9",
    surface="#f2f2ef",
    panel="#e4e4df",
    dark=False,
    variables={"footer-key-foreground": "#7a4a00"},
)
HIGH_CONTRAST: Final = Theme(
    name="high-contrast",
    primary="#66ccff",
    secondary="#99ddff",
    accent="#ffff00",
    success="#66ff66",
    warning="#ffff00",
    error="#ff9999",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    text_alpha=1.0,
    variables={
        "footer-key-foreground": "#ffff00",
        "border": "#ffffff",
        "border-blurred": "#c0c0c0",
        "text-muted": "#e0e0e0",
        "text-disabled": "#c0c0c0",
    },
)
COLOUR_BLIND: Final = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#0072b2",
    accent="#e69f00",
    success="#56b4e9",
    warning="#f0e442",
    error="#e8703a",
    foreground="#eaeaea",
    background="#121212",
    surface="#1a1a1a",
    panel="#262626",
    variables={"footer-key-foreground": "#e69f00"},
)
"""Blue, yellow and orange, which people see apart whatever kind of colour blindness they have, after Okabe and Ito,
"Color Universal Design" (2008); their vermillion is made lighter, to be readable on a dark ground."""

THEMES: Final = (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND)
