"""Whether windows that are recognized together give what each of them gives alone. Pure: texts and times in."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from workbench.speech.stability import spoken_words

WINDOWS: Final = 3
"""So many of a file are recognized once more, alone,"""
EACH_S: Final = 120.0
"""and one for so many seconds at most: a window has some 25."""
MOST: Final = 0.02
"""Share of their words that may differ."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What came of it."""

    windows: int = 0
    words: int = 0
    """In the texts that the windows gave alone."""
    differing: int = 0
    """Words that are others, lost or added in the texts that they gave together."""

    @property
    def share(self) -> float:
        """Of words that differ; 0 and more."""
        return self.differing / max(1, self.words)

    @property
    def is_too_much(self) -> bool:
        return self.share > MOST

    def with_window(self, together: str, alone: str) -> Drift:
        """With one more window, for which these texts were given."""
        words, differing = compare(together, alone)
        return Drift(self.windows + 1, self.words + words, self.differing + differing)

    def __str__(self) -> str:
        return f"{self.differing} of {self.words} words differ in {self.windows} windows that were recognized alone too"

    def to_dict(self) -> dict[str, Any]:
        return {
            "windows": self.windows,
            "words": self.words,
            "differing": self.differing,
            "share": round(self.share, 4),
        }


def compare(together: str, alone: str) -> tuple[int, int]:
    """(words in `alone`, how many are others, lost or added in `together`); case and punctuation do not count."""
    expected, found = spoken_words(alone), spoken_words(together)
    changes = SequenceMatcher(None, expected, found, autojunk=False).get_opcodes()
    return len(expected), sum(max(b - a, d - c) for change, a, b, c, d in changes if change != "equal")


def chosen_positions(duration: float | None) -> list[float]:
    """Seconds, in order: the windows in which they lie are recognized alone too.

    Spread over a file of `duration` seconds, or over the beginning where that is not known.
    """
    if duration is None:
        duration = WINDOWS * EACH_S
    count = min(WINDOWS, int(duration / EACH_S))
    return [duration * (index + 0.5) / count for index in range(count)]
