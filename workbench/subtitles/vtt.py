"""WebVTT, for the web.

pysubs2 writes it, as it writes SRT. It reads the times only: it would take a last line of digits for the next cue's
name, notes and styles for text, and two times of words for those of a cue. The translation stands in a span of class
`translation`, the speaker in a voice tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from workbench.subtitles.normal import Order, clean, one_line, shown
from workbench.subtitles.srt import defuse, ssa_file, undefuse
from workbench.types import Cue

_TIMES = re.compile("^.*-->.*$", re.MULTILINE)
_TAG = re.compile(r"<([^<>]*)>")


def encode(cues: Iterable[Cue], order: Order) -> str:
    return ssa_file(cues, lambda cue: _payload(cue, order)).to_string("vtt", keep_ssa_tags=True)


def decode(text: str) -> list[Cue]:
    """Other markup than speakers and translations is left out. Notes, styles and regions are skipped."""
    from pysubs2.formats.webvtt import WebVTTFormat

    cues = []
    for block in re.split(r"\n{2,}", text):
        if line := _TIMES.search(block):
            times = [WebVTTFormat.timestamp_to_ms(time) / 1000 for time in WebVTTFormat.TIMESTAMP.findall(line[0])]
            if len(times) == 2:
                cues.append(_cue(times[0], times[1], block[line.end() + 1 :]))
    return [cue for cue in cues if cue.text or cue.translation]


def _payload(cue: Cue, order: Order) -> str:
    translation = f"<c.translation>{_escape(cue.translation)}</c>" if cue.translation else ""
    voice = f"<v {_escape(cue.speaker)}>" if cue.speaker else ""
    return voice + shown(Cue(cue.start, cue.end, _escape(cue.text), translation), order)


def _escape(text: str) -> str:
    return defuse(html.escape(text, quote=False))


def _unescape(text: str) -> str:
    return html.unescape(undefuse(text))


def _cue(start: float, end: float, payload: str) -> Cue:
    texts = {False: "", True: ""}
    speaker, open_classes = "", list[bool]()
    position = 0
    for tag in _TAG.finditer(payload):
        texts[any(open_classes)] += payload[position : tag.start()]
        position = tag.end()
        name, _, annotation = tag[1].partition(" ")
        name, *classes = name.split(".")
        if name == "c":
            open_classes.append("translation" in classes)
        elif name == "/c" and open_classes:
            open_classes.pop()
        elif name == "v":
            speaker = speaker or one_line(_unescape(annotation))
    texts[any(open_classes)] += payload[position:]
    text, translation = (clean(_unescape(part)) for part in texts.values())
    return Cue(start, end, text, translation, speaker or None)
