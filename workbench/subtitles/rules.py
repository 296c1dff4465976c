"""What makes a cue readable, in each style and language, and how text is measured."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

from workbench.errors import UsageError

Style: TypeAlias = Literal["default", "netflix", "cjk"]
STYLES: Final[tuple[Style, ...]] = get_args(Style)


@dataclass(frozen=True, slots=True)
class CueRules:
    """Limits of one cue; a bilingual cue keeps them for each of its two texts.

    The defaults are those of Netflix's general style guide, with Subtitle Edit's shortest duration. 20 characters
    a second is Netflix's limit for adults in English; its 17 for translations assumes text that was shortened,
    Subtitle Edit's 25 is its point of alarm.
    """

    max_line_chars: float = 42
    max_lines: int = 2
    max_cps: float = 20
    """Characters of one text for each second it is shown, spaces included."""
    min_duration_s: float = 1.0
    max_duration_s: float = 7.0
    min_gap_s: float = 0.08
    """From the end of a cue to the start of the next: two frames of film."""
    small_gap_s: float = 0.5
    """Gaps shorter than this are closed to `min_gap_s`: text that is gone for a moment flickers."""
    dash: str = "- "
    """Before the line of each of two speakers in one cue; empty: they never share one."""
    full_width: bool = False
    """Count in full-width characters, a narrow one as half. Otherwise a wide character counts as two."""

    def __post_init__(self) -> None:
        for name in ("max_line_chars", "max_lines", "max_cps", "min_duration_s", "max_duration_s"):
            if getattr(self, name) <= 0:
                raise UsageError(f"{name} must be more than 0, not {getattr(self, name)}")
        for name in ("min_gap_s", "small_gap_s"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} must not be negative, not {getattr(self, name)}")
        if self.max_line_chars < 2:
            raise UsageError("max_line_chars must be at least 2, or a wide character does not fit into a line")
        if self.min_duration_s > self.max_duration_s:
            raise UsageError(
                f"min_duration_s ({self.min_duration_s}) must not exceed max_duration_s ({self.max_duration_s})"
            )

    @classmethod
    def for_language(cls, language: str | None, style: Style = "default") -> CueRules:
        """The limits of a style in a language (BCP-47); None: in no particular one. Raises `UsageError`.

        "default": 42 narrow characters a line, or 16 full-width ones in Chinese, Japanese and Korean. Reading speeds
        are Netflix's, but for Japanese: its 4 holds for condensed translations, and 7 leaves room for what is said
        word for word. "netflix": its timed text style guides, to the letter. "cjk": 16 full-width characters in any
        language.
        """
        primary = (language or "").lower().replace("_", "-").split("-")[0]
        match style:
            case "default":
                return replace(cls(), **_CJK.get(primary, {}))
            case "netflix":
                return replace(cls(**_NETFLIX), **(_CJK.get(primary, {}) | _NETFLIX_IN.get(primary, {})))
            case "cjk":
                return replace(cls(dash="-"), **_CJK.get(primary, _CJK["zh"]))
        raise UsageError(f"no style is called {style!r}", hint=f"Styles: {', '.join(STYLES)}.")

    def measure(self, text: str) -> float:
        """Characters that one line of `text` counts for; marks that take no room of their own count nothing."""
        cells = sum(map(_cells, text))
        return cells / 2 if self.full_width else cells


def _cjk(max_cps: float) -> dict[str, Any]:
    return {"max_line_chars": 16, "max_cps": max_cps, "full_width": True}


_CJK: Final = {"zh": _cjk(9), "yue": _cjk(9), "cmn": _cjk(9), "ja": _cjk(7), "ko": _cjk(12)}
_NETFLIX: Final[dict[str, Any]] = {"max_cps": 17, "min_duration_s": 0.833, "min_gap_s": 0.083, "dash": "-"}
_NETFLIX_IN: Final[dict[str, dict[str, Any]]] = {
    "en": {"max_cps": 20},
    "ja": {"max_line_chars": 13, "max_cps": 4},
    "ru": {"max_line_chars": 39},
    "th": {"max_line_chars": 35},
    "hi": {"max_cps": 22},
    "ar": {"max_cps": 20},
}


def _cells(char: str) -> int:
    """Columns of a terminal or a fixed-pitch font."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf") or "\u1160" <= char <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def has_no_spaces(char: str) -> bool:
    """Whether `char` is of a script that is written without spaces between words.

    Han, kana, bopomofo, Thai, Lao, Burmese, Khmer; Korean has spaces.
    """
    return any(first <= char <= last for first, last in _WITHOUT_SPACES)


_WITHOUT_SPACES = (
    ("\u0e00", "\u0eff"), ("\u1000", "\u109f"), ("\u1780", "\u17ff"), ("\u2e80", "\u2fff"),
    ("\u3001", "\u312f"), ("\u31a0", "\u31ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"),
    ("\uf900", "\ufaff"), ("\uff00", "\uff0f"), ("\uff1a", "\uff1f"), ("\uff3b", "\uff3f"),
    ("\uff5b", "\uff9f"), ("\U00020000", "\U0003ffff"),
)  # fmt: skip
