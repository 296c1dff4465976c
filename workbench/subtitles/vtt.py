"""WebVTT, for the web.

pysubs2 is not used here: it treats the format as SRT, and so neither escapes nor unescapes, and drops speakers.
The translation stands in a span of class `translation`, the speaker in a voice tag.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from workbench.subtitles.normal import Order, clean, one_line, shown
from workbench.subtitles.srt import stamp
from workbench.types import Cue

_TIMES = re.compile(r"(?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})[ \t]+-->[ \t]+(?:(\d+):)?(\d{2}):(\d{2})[.,](\d{3})")
_TAG = re.compile(r"<([^<>]*)>")


def encode(cues: Iterable[Cue], order: Order) -> str:
    return "WEBVTT\n" + "".join(
        f"\n{stamp(cue.start, '.')} --> {stamp(cue.end, '.')}\n{_payload(cue, order)}\n" for cue in cues
    )


def decode(text: str) -> list[Cue]:
    """Other markup than speakers and translations is left out. Notes, styles and regions are skipped."""
    cues = []
    for block in re.split(r"\n{2,}", text):
        times = _TIMES.search(block)
        if times and "-->" not in block[: times.start()]:
            _, _, payload = block[times.end() :].partition("\n")
            cues.append(_cue(times, payload))
    return [cue for cue in cues if cue.text or cue.translation]


def _payload(cue: Cue, order: Order) -> str:
    text = html.escape(cue.text, quote=False)
    translation = html.escape(cue.translation, quote=False)
    if translation:
        translation = f"<c.translation>{translation}</c>"
    voice = f"<v {html.escape(cue.speaker, quote=False)}>" if cue.speaker else ""
    return voice + shown(Cue(cue.start, cue.end, text, translation), order)


def _cue(times: re.Match[str], payload: str) -> Cue:
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
            speaker = speaker or one_line(html.unescape(annotation))
    texts[any(open_classes)] += payload[position:]
    text, translation = (clean(html.unescape(part)) for part in texts.values())
    return Cue(_seconds(times.groups()[:4]), _seconds(times.groups()[4:]), text, translation, speaker or None)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, ms = (int(part or 0) for part in parts)
    return ((hours * 60 + minutes) * 60_000 + seconds * 1000 + ms) / 1000
