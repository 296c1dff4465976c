"""TTML, for broadcasters and streaming services (W3C TTML 1).

pysubs2 is not used here: its writer drops text in braces, escaped or not, and errs (`id` for `xml:id`); its reader
takes no-break and ideographic spaces for markup. The translation stands in a span of the style `translation`, speakers
are agents.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.subtitles.normal import Order, clean, one_line
from workbench.types import Cue

_XML: Final = "{http://www.w3.org/XML/1998/namespace}"
_CLOCK = re.compile(r"(\d+):(\d{2}):(\d{2}(?:\.\d+)?)(?::(\d+(?:\.\d+)?))?")
_OFFSET = re.compile(r"(\d+(?:\.\d+)?)(h|m|s|ms|f|t)")


def encode(cues: Sequence[Cue], order: Order) -> str:
    """Pretty only between cues: within one, white space is text."""
    agents = {name: f"speaker{n}" for n, name in enumerate(dict.fromkeys(c.speaker for c in cues if c.speaker), 1)}
    tt = ET.Element("tt", _ROOT)
    _head(tt, agents)
    div = ET.SubElement(ET.SubElement(tt, "body", {"region": "bottom"}), "div")
    div.text = "\n"
    for cue in cues:
        times = {"begin": _stamp(cue.start), "end": _stamp(cue.end)}
        p = ET.SubElement(div, "p", times | ({"ttm:agent": agents[cue.speaker]} if cue.speaker else {}))
        p.tail = "\n"
        _fill(p, cue, order)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(tt, encoding="unicode") + "\n"


_ROOT: Final = {
    "xmlns": "http://www.w3.org/ns/ttml",
    "xmlns:ttm": "http://www.w3.org/ns/ttml#metadata",
    "xmlns:tts": "http://www.w3.org/ns/ttml#styling",
    "xml:lang": "",
    "xml:space": "preserve",
}
_REGION: Final = {
    "xml:id": "bottom",
    "tts:origin": "10% 10%",
    "tts:extent": "80% 80%",
    "tts:displayAlign": "after",
    "tts:textAlign": "center",
}


def _head(tt: ET.Element, agents: dict[str, str]) -> None:
    head = ET.SubElement(tt, "head")
    if agents:
        metadata = ET.SubElement(head, "metadata")
        for name, agent in agents.items():
            element = ET.SubElement(metadata, "ttm:agent", {"xml:id": agent, "type": "person"})
            ET.SubElement(element, "ttm:name", {"type": "full"}).text = name
    ET.SubElement(ET.SubElement(head, "styling"), "style", {"xml:id": "translation", "tts:fontSize": "90%"})
    ET.SubElement(ET.SubElement(head, "layout"), "region", _REGION)


def _fill(p: ET.Element, cue: Cue, order: Order) -> None:
    def add_text() -> None:
        _append_lines(p, cue.text)

    def add_translation() -> None:
        _append_lines(ET.SubElement(p, "span", {"style": "translation"}), cue.translation)

    parts = [part for part, text in ((add_text, cue.text), (add_translation, cue.translation)) if text]
    for index, part in enumerate(parts if order == "source-first" else parts[::-1]):
        if index:
            ET.SubElement(p, "br")
        part()


def _stamp(seconds: float) -> str:
    minutes, ms = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{ms // 1000:02}.{ms % 1000:03}"


def _append_lines(element: ET.Element, text: str) -> None:
    first, *lines = text.split("\n")
    children = list(element)
    if children:
        children[-1].tail = first
    else:
        element.text = first
    for line in lines:
        ET.SubElement(element, "br").tail = line


def decode(text: str) -> list[Cue]:
    """Times may be clock times or offsets, in frames and ticks too. Raises `ValueError` for what is not TTML."""
    try:
        root = ET.fromstring(text.encode())
    except ET.ParseError as error:
        raise ValueError(f"not well-formed XML: {error}") from error
    reader = _Reader(_rate(root, "frameRate", 30.0), _rate(root, "tickRate", 1.0), dict(_agents(root)))
    keep = root.get(f"{_XML}space") == "preserve"
    return [cue for cue in reader.cues(root, 0.0, keep) if cue.text or cue.translation]


def _agents(root: ET.Element) -> Iterator[tuple[str, str]]:
    for element in root.iter():
        if _local(element.tag) == "agent":
            name = next((child.text for child in element if _local(child.tag) == "name"), None)
            yield element.get(f"{_XML}id", ""), one_line(name or "")


def _rate(root: ET.Element, name: str, default: float) -> float:
    value = next((value for key, value in root.items() if _local(key) == name), "")
    return float(value or default) or default


def _local(name: object) -> str:
    return str(name).rpartition("}")[2]


@dataclass(frozen=True, slots=True)
class _Reader:
    frame_rate: float
    tick_rate: float
    agents: dict[str, str]

    def cues(self, element: ET.Element, offset: float, keep_spaces: bool) -> Iterator[Cue]:
        """The cues in `element`, whose times count from `offset`."""
        if space := element.get(f"{_XML}space"):
            keep_spaces = space == "preserve"
        begin = offset + self.seconds(element.get("begin", "0s"))
        if _local(element.tag) != "p":
            for child in element:
                yield from self.cues(child, begin, keep_spaces)
            return
        if "dur" in element.attrib:
            end = begin + self.seconds(element.attrib["dur"])
        elif "end" in element.attrib:
            end = offset + self.seconds(element.attrib["end"])
        else:
            raise ValueError(f"a cue at {begin:.3f} s has no end")
        texts = {False: "", True: ""}
        for text, translated in _runs(element, keep_spaces, False):
            texts[translated] += text
        agent = next((value for key, value in element.items() if _local(key) == "agent"), "")
        speaker = self.agents.get(agent) or None
        yield Cue(round(begin, 3), round(end, 3), clean(texts[False]), clean(texts[True]), speaker)

    def seconds(self, expression: str) -> float:
        if clock := _CLOCK.fullmatch(expression):
            hours, minutes, seconds, frames = clock.groups()
            return int(hours) * 3600 + int(minutes) * 60 + float(seconds) + float(frames or 0) / self.frame_rate
        if offset := _OFFSET.fullmatch(expression):
            units = {"h": 3600, "m": 60, "s": 1, "ms": 0.001, "f": 1 / self.frame_rate, "t": 1 / self.tick_rate}
            return float(offset[1]) * units[offset[2]]
        raise ValueError(f"{expression!r} is no time")


def _runs(element: ET.Element, keep_spaces: bool, translated: bool) -> Iterator[tuple[str, bool]]:
    translated = translated or element.get("style") == "translation"

    def chars(text: str | None) -> str:
        return (text or "") if keep_spaces else re.sub(r"[ \t\r\n]+", " ", text or "")

    yield chars(element.text), translated
    for child in element:
        if _local(child.tag) == "br":
            yield "\n", translated
        elif _local(child.tag) == "span":
            yield from _runs(child, keep_spaces, translated)
        yield chars(child.tail), translated
