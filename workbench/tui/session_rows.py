"""Sessions as the screen of sessions takes them from the disk and lists them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from workbench.clock import clock
from workbench.errors import WorkbenchError
from workbench.sessions import Recording, RecordingInfo, State
from workbench.subtitles import Caption
from workbench.subtitles.normal import one_line
from workbench.tui import captions
from workbench.tui.texts import _


@dataclass(frozen=True, slots=True)
class Found:
    """A session, and what in it holds the text that is searched for."""

    recording: Recording
    info: RecordingInfo
    hits: tuple[Caption, ...] = ()


def read(recording: Recording) -> Found:
    """Blocks. Raises `InputError`."""
    return Found(recording, recording.info())


def holding(text: str, found: Sequence[Found]) -> list[Found]:
    """Those of `found` with `text`, with what holds it. Blocks."""
    return [one for one in _with_hits(text, found) if one.hits or text.casefold() in one.info.title.casefold()]


def _with_hits(text: str, found: Sequence[Found]) -> Iterator[Found]:
    for one in found:
        try:
            hits = one.recording.mentions(text)
        except WorkbenchError:
            hits = []  # was told when it was listed
        yield Found(one.recording, one.info, tuple(hits))


def cells(found: Found) -> dict[str, str]:
    """What each column shows."""
    info = found.info
    words = {State.LIVE: _("live ●"), State.INTERRUPTED: _("interrupted !"), State.FINISHED: _("finished ✓")}
    return {
        "state": words[info.state],
        "started": f"{info.started.astimezone():%Y-%m-%d %H:%M}",
        "length": clock(info.duration),
        "language": "→".join(filter(None, [info.language, info.target_language])),
        "text": found.hits[0].transcript.text if found.hits else info.title or info.preview,
    }


def texts(caption: Caption) -> list[str]:
    return [caption.transcript.text, *([caption.translation.text] if caption.translation else [])]


def said(found: Found | None, before: list[Caption]) -> tuple[list[Caption], list[captions.Caption] | None]:
    """What was said in a session, and how it is shown: None where it is what was said `before`.

    Blocks. Raises `InputError`.
    """
    now = found.recording.captions() if found else []
    return now, None if now and now == before else [_shown(caption) for caption in now]


def _shown(caption: Caption) -> captions.Caption:
    transcript, translation = caption.transcript, caption.translation
    text = one_line(transcript.text)
    return captions.Caption(
        segment_id=transcript.segment_id,
        start=transcript.start,
        end=transcript.end,
        text=text,
        stable=len(text),
        is_final=True,
        language=transcript.language,
        translation=one_line(translation.text) if translation else "",
        is_translated=translation is not None,
    )


def places(hits: Iterable[Caption], within: Sequence[Caption]) -> list[int]:
    """Where the hits are; those of a live session may have been translated since, or taken back."""
    found = {(hit.transcript.segment_id, hit.transcript.start) for hit in hits}
    return [n for n, c in enumerate(within) if (c.transcript.segment_id, c.transcript.start) in found]
