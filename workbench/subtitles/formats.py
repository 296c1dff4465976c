"""Cues as files, and files as cues: SRT, WebVTT, ASS, TTML, JSON and plain text, all in UTF-8."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from workbench.errors import InputError, UsageError
from workbench.subtitles import ass, srt, ttml, vtt
from workbench.subtitles.normal import Order, clean, normal, paragraphs, shown
from workbench.types import Cue, Word

FORMATS: Final = ("srt", "vtt", "ass", "ttml", "json", "txt")
_SUFFIXES: Final = {"webvtt": "vtt", "dfxp": "ttml", "xml": "ttml"}
_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_OTHER_ENCODINGS: Final = (
    "Name theirs with --encoding: cp1252 (Western Europe), cp1250 (Central), cp1251 (Cyrillic), gb18030 or big5 "
    "(Chinese), cp932 (Japanese), cp949 (Korean), utf-16-le."
)


def write(cues: Iterable[Cue], format: str, *, order: Order = "source-first") -> bytes:
    """The whole file: UTF-8 without byte order mark, lines ended by \\n. `read` gives back `as_read(cues, format)`.

    JSON is {"cues": [{"start", "end", "text", "translation", "speaker", "words": [{"start", "end", "text",
    "probability"}]}]} with times in seconds. TXT has a line for each sentence, no times. SRT, VTT and ASS hold 100 h.
    """
    ready = as_read(cues, format, order=order)
    return _encode(ready, format, order).encode()


def format_of(path: Path) -> str:
    """The format that a file's suffix names. Raises `UsageError`."""
    suffix = path.suffix.lower().lstrip(".")
    format = _SUFFIXES.get(suffix, suffix)
    if format not in FORMATS:
        raise UsageError(f"{str(path)!r} has no suffix of a subtitle format", hint=f"There are: {', '.join(FORMATS)}.")
    return format


def read(data: bytes, format: str, encoding: str | None = None) -> list[Cue]:
    """The cues of a file, in its order. Raises `InputError` for what is not of that format.

    Without `encoding` a byte order mark says it, or else it is UTF-8. Italics and other markup are left out. SRT and
    TXT do not tell a translation from the text above it. Lines of a TXT are cues at 0.
    """
    _check(format)
    try:
        text = _text(data, encoding).removeprefix("\ufeff")
        return _decode(text.replace("\r\n", "\n").replace("\r", "\n"), format)
    except UnicodeError as error:
        raise InputError(
            f"the {format} subtitles are not {encoding or 'UTF-8'} ({error})", hint=_OTHER_ENCODINGS
        ) from error
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"the {format} subtitles cannot be read: {error}") from error


def _text(data: bytes, encoding: str | None) -> str:
    if encoding is None:
        encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    text = data.decode(encoding)
    if text.count("\0") > len(text) / 4:
        raise UnicodeError("every other byte is 0, as in UTF-16")
    return text


def as_read(cues: Iterable[Cue], format: str, *, order: Order = "source-first") -> list[Cue]:
    """What of `cues` a format keeps.

    In all: control characters are replaced, blank lines and space around lines removed, times rounded (10 ms in
    ASS, else 1 ms), cues without text left out, the others ordered by start. Words are kept in JSON only, speakers
    and the difference between text and translation in all but SRT and TXT.
    """
    _check(format)
    ready = list(normal(cues, 10 if format == "ass" else 1))
    if format == "txt":
        return [Cue(0.0, 0.0, line) for line in paragraphs(ready, order)]
    if format == "srt":
        return [Cue(cue.start, cue.end, shown(cue, order)) for cue in ready]
    if format == "json":
        return ready
    if format == "ass":
        return [replace(cue, words=(), speaker=ass.speaker_field(cue.speaker)) for cue in ready]
    return [replace(cue, words=()) for cue in ready]


def _check(format: str) -> None:
    if format not in FORMATS:
        raise UsageError(f"{format!r} is no subtitle format", hint=f"There are: {', '.join(FORMATS)}.")


def _encode(cues: Sequence[Cue], format: str, order: Order) -> str:
    match format:
        case "srt":
            return srt.encode(cues, order)
        case "vtt":
            return vtt.encode(cues, order)
        case "ass":
            return ass.encode(cues, order)
        case "ttml":
            return ttml.encode(cues, order)
        case "json":
            return json.dumps({"cues": [_to_json(cue) for cue in cues]}, ensure_ascii=False, indent=1) + "\n"
        case _:
            return "".join(cue.text + "\n" for cue in cues)


def _decode(text: str, format: str) -> list[Cue]:
    match format:
        case "srt":
            return srt.decode(text)
        case "vtt":
            return vtt.decode(text)
        case "ass":
            return ass.decode(text)
        case "ttml":
            return ttml.decode(text)
        case "json":
            return [_from_json(cue) for cue in json.loads(text)["cues"]]
        case _:
            return [Cue(0.0, 0.0, line) for line in clean(text).split("\n") if line]


def _to_json(cue: Cue) -> dict[str, Any]:
    words = [{"start": w.start, "end": w.end, "text": w.text, "probability": w.probability} for w in cue.words]
    return {
        "start": cue.start,
        "end": cue.end,
        "text": cue.text,
        "translation": cue.translation,
        "speaker": cue.speaker,
        "words": words,
    }


def _from_json(cue: dict[str, Any]) -> Cue:
    return Cue(
        float(cue["start"]),
        float(cue["end"]),
        str(cue["text"]),
        str(cue.get("translation") or ""),
        None if cue.get("speaker") is None else str(cue["speaker"]),
        tuple(
            Word(float(w["start"]), float(w["end"]), str(w["text"]), float(w.get("probability", 0.0)))
            for w in cue.get("words") or ()
        ),
    )
