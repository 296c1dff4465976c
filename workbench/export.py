"""Captions as subtitle files: rendered by exporters, then written, each complete or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from workbench.engines import Exporter
from workbench.errors import UsageError
from workbench.files import write_atomically
from workbench.languages import bcp47
from workbench.phrase import counted
from workbench.plan import attributed
from workbench.subtitles import Caption, CueRules, Show, Violation, build_cues, violations
from workbench.subtitles.mux import Track
from workbench.types import Cue

Output: TypeAlias = tuple[Exporter, str, Path | None]
"""(engine, format, where to) of one subtitle file; None: only rendered."""
_NAMES_SPEAKERS: Final = ("json", "txt")
"""Formats in which who speaks is written beside each text."""
_TIME: Final = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?)")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the timeline, in seconds. Times in what is made of it count from its start."""

    start: float = 0.0
    end: float = float("inf")

    def cut(self, cues: Sequence[Cue]) -> Iterator[Cue]:
        """The cues whose middle lies in it."""
        for cue in cues:
            if self.start <= (cue.start + cue.end) / 2 < self.end:
                words = tuple(replace(w, start=self._moved(w.start), end=self._moved(w.end)) for w in cue.words)
                yield replace(cue, start=self._moved(cue.start), end=self._moved(cue.end), words=words)

    def _moved(self, time: float) -> float:
        return round(min(max(time, self.start), self.end) - self.start, 3)


@dataclass(frozen=True, slots=True)
class SubtitleFile:
    """Ready to be written."""

    path: Path | None
    data: bytes
    cues: list[Cue]
    rules: CueRules
    translation_rules: CueRules
    language: str | None
    """BCP-47, of the cues' text."""
    translation_language: str | None

    def violations(self) -> list[Violation]:
        """Every rule that a cue breaks, since the speech leaves no other way."""
        languages = {"language": self.language, "translation_language": self.translation_language}
        return violations(self.cues, self.rules, self.translation_rules, **languages)

    def warnings(self) -> list[str]:
        """One line for each rule that cues break."""
        broken = Counter(rule for rule, _ in {(v.rule, v.index) for v in self.violations()})
        return [
            f"{counted(count, 'cue')} of {len(self.cues)} cannot keep {rule}" for rule, count in sorted(broken.items())
        ]


def render(
    outputs: Sequence[Output], captions: Sequence[Caption], language: str | None, show: Show, span: Span | None = None
) -> list[SubtitleFile]:
    """Blocks: call it in a thread. `language` (BCP-47) is what was spoken. Raises `EngineError` of an exporter."""
    translated = next((caption.translation.language for caption in captions if caption.translation), language)
    files = []
    for exporter, format, path in outputs:
        with attributed(exporter, f"to make {format}"):
            shown = translated if show == "translation" else language
            rules = exporter.rules_for(shown)
            translation_rules = exporter.rules_for(translated)
            if format in _NAMES_SPEAKERS:
                rules = replace(rules, dash="")
            cues = build_cues(captions, rules, show, translation_rules=translation_rules)
            if span is not None:
                cues = list(span.cut(cues))
            data = exporter.render(cues, format)
            if not isinstance(data, bytes):
                raise TypeError(f"it gave a {type(data).__name__}, not bytes")
        files.append(SubtitleFile(path, data, cues, rules, translation_rules, shown, translated))
    return files


def soft_subtitles(exporter: Exporter, captions: Sequence[Caption], language: str | None) -> list[Track]:
    """Tracks to be put into the video: the translation, where there is one, and the source. Otherwise as `render`."""
    shows: tuple[Show, ...] = ("source",)
    if any(caption.translation for caption in captions):
        shows = ("translation", "source")
    files = [render([(exporter, "srt", None)], captions, language, show)[0] for show in shows]
    return [Track(file.cues, file.language, default=not number) for number, file in enumerate(files)]


def write_files(files: Sequence[SubtitleFile], *, overwrite: bool) -> None:
    """Those that have a path. Blocks. Raises `OutputError`, when another file is there; the very same may be."""
    for file in files:
        if file.path is not None and not _is_there(file.path, file.data):
            write_atomically(file.path, file.data, overwrite=overwrite)


def _is_there(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except OSError:
        return False


def most_common_language(captions: Sequence[Caption]) -> str | None:
    """What the recognizer took most of it for, where it could not tell beforehand; None: it never told."""
    told = (caption.transcript.language for caption in captions)
    languages = Counter(language for language in told if bcp47(language)).most_common(1)
    return languages[0][0] if languages else None


def parse_time(text: str) -> float:
    """The seconds of a time such as 1:02:03.5, 1:30 or 90. Raises `UsageError`."""
    if not (found := _TIME.fullmatch(text.strip())):
        raise UsageError(f"{text!r} is no time", hint="Write it as 90, 1:30 or 1:02:03.5.")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + seconds
