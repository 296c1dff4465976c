"""SubRip: the format that every player reads, and that has no way to escape anything.

Players and pysubs2, which reads and writes it, take some text for markup. There a word joiner (U+2060), which is not
seen, keeps it from being markup, as FFmpeg does for ASS; reading takes it away again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from workbench.subtitles.normal import Order, clean, shown
from workbench.types import Cue

if TYPE_CHECKING:
    from pysubs2 import SSAFile

JOINER = "\u2060"
_MARKUP = [
    ("<", r"[ \t]*(?:/[ \t]*)?[A-Za-z]"),  # tags
    (r"\{", r"(?:\\|[A-Za-z]:)"),  # overrides of ASS and MicroDVD
    (r"\\", r"(?:[Nnh]|p\d)"),  # line breaks, spaces and drawings of ASS
    ("--", ">"),  # times, to those who look for no more
    (":", r"\d{1,2}[,.]\d"),  # times, any two of which in a line are a cue's to pysubs2
]
"""What begins markup, and what must follow for it to be some."""
_OPEN = re.compile("|".join(f"{begin}(?={JOINER}*{rest})" for begin, rest in _MARKUP))
_TAG = re.compile(r"</?(?:[bius]|font)(?:\s[^<>]*)?>|\{\\[^{}]*\}", re.IGNORECASE)
"""What players take for markup: text that looks so was defused."""
_DEFUSED = re.compile("|".join(f"{begin}{JOINER}(?={JOINER}*{rest})" for begin, rest in _MARKUP))


def encode(cues: Iterable[Cue], order: Order) -> str:
    """Speakers are not kept; the two texts of a cue become one."""
    return ssa_file(cues, lambda cue: defuse(shown(cue, order))).to_string("srt", keep_ssa_tags=True)


def decode(text: str) -> list[Cue]:
    """Markup is left out, and so is what `encode` put in to keep text from being markup."""
    from pysubs2 import SSAFile

    # The number ends the last cue: pysubs2 would take a last line of digits in it for one.
    events = SSAFile.from_string(text + "\n\n0", format_="srt", keep_html_tags=True)
    cues = [
        Cue(e.start / 1000, e.end / 1000, undefuse(clean(_TAG.sub("", e.text.replace(r"\N", "\n"))))) for e in events
    ]
    return [cue for cue in cues if cue.text]


def ssa_file(cues: Iterable[Cue], text: Callable[[Cue], str]) -> SSAFile:
    """The cues as pysubs2 has them, `text(cue)` to be written as it is."""
    from pysubs2 import SSAEvent, SSAFile

    file = SSAFile()
    for cue in cues:
        file.append(SSAEvent(round(cue.start * 1000), round(cue.end * 1000), text(cue), name=cue.speaker or ""))
    return file


def defuse(text: str) -> str:
    return _OPEN.sub(lambda part: part[0] + JOINER, text)


def undefuse(text: str) -> str:
    return _DEFUSED.sub(lambda part: part[0][:-1], text)
