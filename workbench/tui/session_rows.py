"""Sessions as the screen of sessions takes them from the disk, lists and writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.widgets.option_list import Option

from workbench.errors import WorkbenchError
from workbench.export import Output
from workbench.session import Session
from workbench.sessions import Recording, RecordingInfo, State
from workbench.subtitles import Caption
from workbench.tui.screens.export import AUDIO, Wanted
from workbench.tui.texts import _
from workbench.tui.widgets.top_bar import clock


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


def export(session: Session, recording: Recording, wanted: Wanted, *, overwrite: bool) -> None:
    """Blocks. Raises `EngineError`, `OutputError`."""
    paths = wanted.paths()
    outputs: list[Output] = [(session.exporter(f), f, path) for f, path in paths.items() if f != AUDIO]
    if outputs:
        recording.export(outputs, show=wanted.show, span=wanted.span, overwrite=overwrite)
    if AUDIO in paths:
        recording.export_audio(paths[AUDIO], span=wanted.span, overwrite=overwrite)


def cells(found: Found) -> tuple[str, ...]:
    info = found.info
    words = {State.LIVE: _("live ●"), State.INTERRUPTED: _("interrupted !"), State.FINISHED: _("finished ✓")}
    languages = "→".join(filter(None, [info.language, info.target_language]))
    text = found.hits[0].transcript.text if found.hits else info.title or info.preview
    return (
        words[info.state],
        f"{info.started.astimezone():%Y-%m-%d %H:%M}",
        clock(info.duration),
        languages,
        text,
    )


def texts(caption: Caption) -> list[str]:
    return [caption.transcript.text, *([caption.translation.text] if caption.translation else [])]


def option(caption: Caption, wanted: str) -> Option:
    """The time, the text, and its translation below it; what is searched for is underlined."""
    time = clock(caption.transcript.start)
    source, *translation = texts(caption)
    words = Content(f"{time}  {source}")
    for text in translation:
        words += Content.styled(f"\n{' ' * len(time)}  {text}", "$text-secondary")
    return Option(words.highlight_regex(f"(?i){re.escape(wanted)}", style="underline bold") if wanted else words)
