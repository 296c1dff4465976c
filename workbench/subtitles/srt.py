"""SubRip: the format that every player reads, and that has no way to escape anything.

pysubs2 is not used here: its writer drops text in braces, its reader text in angle brackets, a last line of digits
and lines that hold two times. Where a player would take text for markup, a word joiner (U+2060), which is not seen,
keeps it from doing so, as FFmpeg does for ASS; reading takes it away again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.subtitles.normal import Order, clean, shown
from workbench.types import Cue

JOINER = "\u2060"
_MARKUP = [("<", r"[ \t]*(?:/[ \t]*)?[A-Za-z]"), (r"\{", r"(?:\\|[A-Za-z]:)"), (r"\\", "[Nnh]"), ("--", ">")]
"""What begins markup, and what must follow for it to be some: tags, ASS and MicroDVD overrides, line breaks, times."""
_OPEN = re.compile("|".join(f"{begin}(?={JOINER}*{rest})" for begin, rest in _MARKUP))
_DEFUSED = re.compile("|".join(f"{begin}{JOINER}(?={JOINER}*{rest})" for begin, rest in _MARKUP))
_TIMES = re.compile(
    r"^[ \t]*(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3})[ \t]*-->[ \t]*(\d+):(\d{1,2}):(\d{1,2})[,.](\d{1,3}).*\n?", re.M
)
_NUMBER = re.compile(r"(?:^|\n)[ \t]*\d+[ \t]*\n$")


def encode(cues: Iterable[Cue], order: Order) -> str:
    """Speakers are not kept; the two texts of a cue become one."""
    blocks = (
        f"{number}\n{stamp(cue.start)} --> {stamp(cue.end)}\n{_defuse(shown(cue, order))}\n"
        for number, cue in enumerate(cues, 1)
    )
    return "\n".join(blocks)


def decode(text: str) -> list[Cue]:
    """Markup stays as it is in the file, but for what `encode` put in."""
    found = list(_TIMES.finditer(text))
    cues = []
    for index, times in enumerate(found):
        body = text[times.end() :]
        if index + 1 < len(found):
            body = _NUMBER.sub("", text[times.end() : found[index + 1].start()])
        body = _DEFUSED.sub(lambda part: part[0][:-1], clean(body))
        cues.append(Cue(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), body))
    return [cue for cue in cues if cue.text]


def stamp(seconds: float, point: str = ",") -> str:
    """The time as SRT writes it, or with another decimal point as VTT and TTML do: 01:02:03,004."""
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}{point}{ms % 1000:03}"


def _defuse(text: str) -> str:
    return _OPEN.sub(lambda part: part[0] + JOINER, text)


def _seconds(parts: tuple[str, ...]) -> float:
    hours, minutes, seconds = map(int, parts[:3])
    return ((hours * 60 + minutes) * 60_000 + seconds * 1000 + int(parts[3].ljust(3, "0"))) / 1000
