"""Subtitle files that others made: their cues, and which language they are in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from workbench.disk_errors import unreadable
from workbench.errors import InputError, UsageError, WorkbenchError
from workbench.languages import bcp47, is_language
from workbench.subtitles.formats import format_of, read
from workbench.types import Cue

_MOST_BYTES: Final = 100_000_000
_SCRIPTS: Final = {"HIRAGANA": "ja", "KATAKANA": "ja", "HANGUL": "ko", "CJK": "zh", "THAI": "th", "DEVANAGARI": "hi"}
"""Scripts of which a language's limits, but no other mark, can be told."""
_SAMPLE: Final = 10_000
"""Characters."""


def load(path: Path, encoding: str | None = None) -> list[Cue]:
    """The cues of a file, by start. Raises `InputError`, and `UsageError` for what is no subtitle file."""
    format = format_of(path)
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{str(path)!r} is too large for subtitles", hint="Check that it is the right file.")
        data = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(f"no such file: {str(path)!r}", hint="Check the name and the folder.") from None
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return sorted(read(data, format, encoding), key=lambda cue: cue.start)
    except WorkbenchError as error:
        raise InputError(f"{str(path)!r}: {error}", hint=error.hint) from error


def named_language(path: Path) -> str | None:
    """The BCP-47 tag before the suffix of a name such as talk.pt-BR.srt; None where there is none."""
    tag = Path(path.stem).suffix.lstrip(".")
    return bcp47(tag) if tag and is_language(tag) else None


def written_language(texts: Iterable[str]) -> str | None:
    """The language (BCP-47) that the script of texts gives away; None for most, as for all that is in Latin letters."""
    letters = [char for char in " ".join(texts)[:_SAMPLE] if char.isalpha()]
    found = Counter(_SCRIPTS.get(unicodedata.name(char, "").split(" ", 1)[0].split("-")[0]) for char in letters)
    if found["ja"] * 10 > len(letters):
        return "ja"
    language, count = found.most_common(1)[0] if found else (None, 0)
    return language if count * 2 > len(letters) else None
