"""Advanced SubStation Alpha, for mpv, VLC and Aegisub.

pysubs2 reads and writes it. ASS escapes braces with a backslash (libass, FFmpeg) and has no escape for the backslash
itself: a word joiner after it keeps it from being one. The translation follows a change to the style `Translation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from typing import Final

from workbench.subtitles.normal import Order, clean, shown
from workbench.subtitles.srt import JOINER, ssa_file
from workbench.types import Cue

_ESCAPES: Final = {"\\": "\\" + JOINER, "{": r"\{", "}": r"\}", "\n": r"\N"}
_ESCAPED: Final = {"N": "\n", "n": "\n", "h": "\u00a0", "{": "{", "}": "}", JOINER: "\\"}
_TOKEN = re.compile(rf"\\([Nnh{{}}{JOINER}])|(\{{[^}}]*\}})")
_RESET = re.compile(r"\\r([^\\}]*)")


def encode(cues: Iterable[Cue], order: Order) -> str:
    from pysubs2 import Color, SSAStyle
    from pysubs2.formats.substation import SubstationFormat
    from pysubs2.time import ms_to_str

    class Format(SubstationFormat):
        @staticmethod
        def ms_to_timestamp(requested_ms: int) -> str:
            """To 10 ms, as `as_read` rounds. pysubs2 would put all cues after ten hours at 9:59:59.99."""
            return ms_to_str(requested_ms, fractions=True)[:-1]

    file = ssa_file(cues, lambda cue: _text(cue, order))
    file.info |= {"PlayResX": "1920", "PlayResY": "1080"}
    base = SSAStyle(fontsize=66, backcolor=Color(0, 0, 0, 128), outline=3, shadow=1, marginl=60, marginr=60, marginv=54)
    file.styles = {"Default": base, "Translation": replace(base, fontsize=60, primarycolor=Color(255, 255, 128))}
    out = StringIO()
    Format.to_file(file, out, "ass", header_notice="")
    return out.getvalue()


def decode(text: str) -> list[Cue]:
    """Override tags are left out, and so are drawings and comments."""
    from pysubs2 import SSAFile

    events = [event for event in SSAFile.from_string(text, format_="ass") if event.is_text]
    cues = [_cue(event.start / 1000, event.end / 1000, event.name, event.text) for event in events]
    return [cue for cue in cues if cue.text or cue.translation]


def speaker_field(speaker: str | None) -> str | None:
    """A comma ends the field."""
    return speaker.replace(",", ";") if speaker else None


def _text(cue: Cue, order: Order) -> str:
    translation = rf"{{\rTranslation}}{_escape(cue.translation)}{{\r}}" if cue.translation else ""
    return shown(Cue(cue.start, cue.end, _escape(cue.text), translation), order).replace("\n", r"\N")


def _escape(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)


def _cue(start: float, end: float, name: str, text: str) -> Cue:
    texts = {False: "", True: ""}
    translated = False
    position = 0
    for token in _TOKEN.finditer(text):
        texts[translated] += text[position : token.start()] + _ESCAPED.get(token[1], "")
        position = token.end()
        if token[2] and (reset := _RESET.search(token[2])):
            translated = reset[1] == "Translation"
    texts[translated] += text[position:]
    return Cue(start, end, clean(texts[False]), clean(texts[True]), clean(name) or None)
