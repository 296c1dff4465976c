"""Cues as files, and files as cues: SRT, WebVTT, ASS, TTML, JSON and plain text, all in UTF-8."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Final

from workbench.errors import InputError, UsageError
from workbench.subtitles import ass, srt, ttml, vtt
from workbench.subtitles.normal import Order, clean, normal, paragraphs, shown
from workbench.types import Cue, Word

FORMATS: Final = ("srt", "vtt", "ass", "ttml", "json", "txt")


def write(cues: Iterable[Cue], format: str, *, order: Order = "source-first") -> bytes:
    """The whole file: UTF-8 without byte order mark, lines ended by \\n. `read` gives back `as_read(cues, format)`.

    JSON is {"cues": [{"start", "end", "text", "translation", "speaker", "words": [{"start", "end", "text",
    "probability"}]}]} with times in seconds. TXT has a line for each sentence, no times. SRT, VTT and ASS hold 100 h.
    """
    ready = as_read(cues, format, order=order)
    return _encode(ready, format, order).encode()


def read(data: bytes, format: str) -> list[Cue]:
    """The cues of a file, in its order. Raises `InputError` for what is not of that format.

    SRT and TXT do not tell a translation from the text above it. Lines of a TXT are cues at 0.
    """
    _check(format)
    try:
        text = data.decode("utf-8-sig")
        return _decode(text.replace("\r\n", "\n").replace("\r", "\n"), format)
    except UnicodeDecodeError as error:
        raise InputError(f"the {format} subtitles are not UTF-8 (byte {error.start})", hint="Convert them.") from error
    except (ValueError, LookupError, TypeError) as error:
        raise InputError(f"the {format} subtitles cannot be read: {error}") from error


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
