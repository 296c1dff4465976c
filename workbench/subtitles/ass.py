"""Advanced SubStation Alpha, for mpv, VLC and Aegisub.

pysubs2 reads it. It does not write it: it would put all cues after 9:59:59.99 there, and drop text in braces.
ASS escapes braces with a backslash (libass, FFmpeg) and has no escape for the backslash itself: a word joiner after
it keeps it from being one. The translation follows a change to the style `Translation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from workbench.subtitles.normal import Order, clean, shown
from workbench.subtitles.srt import JOINER
from workbench.types import Cue

_HEADER: Final = """\
[Script Info]
ScriptType: v4.00+
PlayResX: 1920
PlayResY: 1080
WrapStyle: 0
ScaledBorderAndShadow: yes

[V4+ Styles]
Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour, Bold, Italic, \
Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, \
MarginV, Encoding
Style: Default,Arial,66,&H00FFFFFF,&H00FFFFFF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,54,1
Style: Translation,Arial,60,&H0080FFFF,&H00FFFFFF,&H00000000,&H80000000,0,0,0,0,100,100,0,0,1,3,1,2,60,60,54,1

[Events]
Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text
"""
_ESCAPES: Final = {"\\": "\\" + JOINER, "{": r"\{", "}": r"\}", "\n": r"\N"}
_ESCAPED: Final = {"N": "\n", "n": "\n", "h": "\u00a0", "{": "{", "}": "}", JOINER: "\\"}
_TOKEN = re.compile(rf"\\([Nnh{{}}{JOINER}])|(\{{[^}}]*\}})")
_RESET = re.compile(r"\\r([^\\}]*)")


def encode(cues: Iterable[Cue], order: Order) -> str:
    return _HEADER + "".join(_event(cue, order) for cue in cues)


def decode(text: str) -> list[Cue]:
    """Override tags are left out, and so are drawings and comments."""
    from pysubs2 import SSAFile

    events = [event for event in SSAFile.from_string(text, format_="ass") if event.is_text]
    cues = [_cue(event.start / 1000, event.end / 1000, event.name, event.text) for event in events]
    return [cue for cue in cues if cue.text or cue.translation]


def speaker_field(speaker: str | None) -> str | None:
    """A comma ends the field."""
    return speaker.replace(",", ";") if speaker else None


def _event(cue: Cue, order: Order) -> str:
    translation = rf"{{\rTranslation}}{_escape(cue.translation)}{{\r}}" if cue.translation else ""
    text = shown(Cue(cue.start, cue.end, _escape(cue.text), translation), order).replace("\n", r"\N")
    return f"Dialogue: 0,{_stamp(cue.start)},{_stamp(cue.end)},Default,{cue.speaker or ''},0,0,0,,{text}\n"


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


def _stamp(seconds: float) -> str:
    minutes, cs = divmod(round(seconds * 100), 6000)
    return f"{minutes // 60}:{minutes % 60:02}:{cs // 100:02}.{cs % 100:02}"
