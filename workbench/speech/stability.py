"""How much of an interim text is going to stay. Pure: text in, text out."""

from __future__ import annotations

import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from workbench.errors import UsageError, did_you_mean
from workbench.types import Transcript

_ALONE: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Japanese, Chinese
)
"""Characters of scripts without spaces: each counts as a word."""
_WORD: Final = re.compile(rf"\s*(?:[{_ALONE}]|[^\s{_ALONE}]+)")


class Stabilizer(ABC):
    """Marks what stays of the interim texts of one segment after the other. Not bound to a thread."""

    @abstractmethod
    def update(self, transcript: Transcript) -> Transcript:
        """`transcript`, which is interim, with `stable` filled in.

        In the transcripts of one `segment_id`, `stable` is a prefix of `text` and never gets shorter. Where a new text
        contradicts it, it stays, and what the new text has after it follows; then there are no `words`.
        """


class _Nothing(Stabilizer):
    """Only final text stays."""

    def update(self, transcript: Transcript) -> Transcript:
        return replace(transcript, stable="")


class _Growing(Stabilizer):
    """A stable prefix that grows by words; `_settled` says how far. Words are kept with the space before them."""

    def __init__(self) -> None:
        self._segment_id: int | None = None
        self._stable: list[str] = []
        self._shown: list[str] = []

    @abstractmethod
    def _settled(self, shown: list[str], transcript: Transcript) -> int:
        """How many words of `shown` stay; `_shown` is what was shown before."""

    def update(self, transcript: Transcript) -> Transcript:
        if transcript.segment_id != self._segment_id:
            self._segment_id, self._stable, self._shown = transcript.segment_id, [], []
        heard = _words(transcript.text)
        shown = self._stable + heard[_heard_again(self._stable, heard) :]
        self._stable = shown[: max(len(self._stable), self._settled(shown, transcript))]
        self._shown = shown
        text, stable = "".join(shown).strip(), "".join(self._stable).strip()
        return replace(transcript, text=text, stable=stable, words=transcript.words if shown == heard else ())


class _Agreement(_Growing):
    """LocalAgreement-2 (Machacek et al. 2023, Whisper-Streaming): what two texts in a row begin with.

    Without the last word: the audio may have ended inside it, and what punctuation follows it is a guess.
    """

    def _settled(self, shown: list[str], transcript: Transcript) -> int:
        return min(_common(self._shown, shown), len(shown) - 1)


class _Engine(_Growing):
    """The engine itself knows what stays."""

    def _settled(self, shown: list[str], transcript: Transcript) -> int:
        return _common(_words(transcript.stable), shown)


_POLICIES: Final[dict[str, type[Stabilizer]]] = {"agreement": _Agreement, "engine": _Engine, "none": _Nothing}


def stabilizer(policy: str) -> Stabilizer:
    """For one stream: "agreement", "engine" or "none". Raises `UsageError` for any other policy."""
    if policy not in _POLICIES:
        raise UsageError(
            f"no stability policy is called {policy!r}{did_you_mean(policy, _POLICIES)}",
            hint=f"It is one of: {', '.join(_POLICIES)}.",
        )
    return _POLICIES[policy]()


def _words(text: str) -> list[str]:
    """Joined, they give `text`, white space at its end apart. Punctuation on its own belongs to the word before."""
    words: list[str] = []
    for word in _WORD.findall(text):
        if words and not _key(word):
            words[-1] += word
        else:
            words.append(word)
    return words


def _key(word: str) -> str:
    """What makes two spellings one word: case, width and punctuation do not count."""
    folded = unicodedata.normalize("NFKC", word).casefold()
    return "".join(character for character in folded if unicodedata.category(character)[0] in "LMN")


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if _key(a) != _key(b):
            return index
    return min(len(one), len(other))


def _heard_again(stable: Sequence[str], heard: Sequence[str]) -> int:
    """How many words of `heard` are those of `stable`: the prefix with the fewest edits between them, the longest."""
    if _common(stable, heard) == len(stable):
        return len(stable)
    keys = [_key(word) for word in heard]
    edits = list(range(len(heard) + 1))
    for word in map(_key, stable):
        diagonal, edits[0] = edits[0], edits[0] + 1
        for index, key in enumerate(keys, 1):
            best = min(diagonal + (key != word), edits[index] + 1, edits[index - 1] + 1)
            diagonal, edits[index] = edits[index], best
    return min(range(len(edits)), key=lambda count: (edits[count], -count))


def spoken_words(text: str) -> list[str]:
    """Those of `text`, each as it compares: case, width and punctuation do not count."""
    return [_key(word) for word in _words(text) if _key(word)]
