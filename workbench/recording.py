"""One recorded session: a folder with its audio, its journal, and what it is about.

    sessions/2026-11-21_090832/session.json    when, from which source, in which languages; title
                               audio.wav       see `workbench.audio.spool`
                               journal.jsonl   see `workbench.journal`
                               lock            held by the process that records

Everything blocks for the disk. Reading is for any thread and process, writing for one thread of one process.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from workbench import events, paths
from workbench.audio.gate import Gate
from workbench.audio.spool import Spool, read_samples, stored_samples
from workbench.audio.wav import WavWriter
from workbench.captions import Captions
from workbench.disk_errors import said_plainly
from workbench.errors import UsageError
from workbench.events import Event
from workbench.export import Output, Span, SubtitleFile, most_common_language, render, write_files
from workbench.journal import Journal, holds, read_journal
from workbench.lock import Lock, is_held
from workbench.recording_info import Manifest, RecordingInfo, State, preview
from workbench.subtitles import Caption, Show
from workbench.types import SAMPLE_RATE

LEFT_S: Final = 0.2
"""Audio at the end that holds no word."""


class Recording:
    """One session. It is live from `create`, `spool` or `journal` to `close`, or until that process ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.audio = folder / "audio.wav"
        self._journal_path = folder / "journal.jsonl"
        self._lock = Lock(folder / "lock")
        self._open: list[Spool | Journal] = []

    @classmethod
    def create(cls, *, source: str, profile: str, language: str | None, target_language: str | None) -> Self:
        """A new one, of now, which this process writes. Raises `OutputError`."""
        started = datetime.now().astimezone()
        recording = cls(_new_folder(started))
        manifest = Manifest(
            started=started, source=source, profile=profile, language=language, target_language=target_language
        )
        try:
            recording._claim()
            manifest.write(recording.folder)
        except BaseException:
            recording._lock.release()
            shutil.rmtree(recording.folder, ignore_errors=True)
            raise
        return recording

    # writing

    def spool(self) -> Spool:
        """To append audio. Raises `UsageError` when another process writes, `OutputError`."""
        self._claim()
        spool = Spool(self.audio, SAMPLE_RATE)
        self._open.append(spool)
        return spool

    def journal(self) -> Journal:
        """To append events; where there are some, the first is `Resumed` at `done_until`. Raises as `spool` does."""
        self._claim()
        goes_on = self._journal_path.exists()
        journal = Journal(self._journal_path)
        self._open.append(journal)
        if goes_on:
            journal.write(events.Resumed(position=self.done_until()))
        return journal

    def close(self) -> None:
        """End writing: close what `spool` and `journal` gave. Raises `OutputError`."""
        try:
            while self._open:
                self._open.pop().close()
        finally:
            self._lock.release()

    def discard(self) -> None:
        """Count all audio as worked on: it stays as it is, and so does what was told of it. Raises as `spool` does."""
        self._claim()
        self._open.append(journal := Journal(self._journal_path))
        journal.write(events.Progress(position=self.duration))
        self.close()

    def rename(self, title: str) -> None:
        """Give it a title for people; its name stays. Raises `OutputError`."""
        manifest = Manifest.read(self.folder)
        manifest.model_copy(update={"title": " ".join(title.split())}).write(self.folder)

    def delete(self) -> None:
        """Raises `UsageError` when a process writes it, `OutputError`."""
        with self._claims():
            if is_held(self._lock.path):
                raise self._in_use()
            with said_plainly(self.folder):
                shutil.rmtree(self.folder)

    # reading

    def events(self) -> list[Event]:
        """Everything that was told, but interim text. Raises `InputError`."""
        return read_journal(self._journal_path)[0]

    def told(self) -> list[Event]:
        """The same for whoever shows it before it goes on, which takes back what is told again. Raises `InputError`."""
        return [*self.events(), events.Resumed(position=self.done_until())]

    def captions(self) -> list[Caption]:
        """Final texts with their translations, in the order they were told. Raises `InputError`."""
        return Captions.of(self.events()).found

    def done_until(self) -> float:
        """Seconds on the timeline up to which all audio was worked on: the newest `Progress`, or the end when `Done`.

        Who goes on there with `next_segment_id` neither loses nor repeats a word, as `journal` takes back what was told
        of later segments. Raises `InputError`.
        """
        done = 0.0
        for event in self._told(events.Progress, events.Resumed, events.Done):
            match event:
                case events.Progress(position=position) | events.Done(duration=position):
                    done = max(done, position)
                case events.Resumed(position=position):
                    done = position
        return min(done, self.duration)

    def gate(self) -> Gate:
        """Where it was muted. Raises `InputError`."""
        gate = Gate()
        for event in self._told(events.Muted, events.Unmuted):
            if isinstance(event, events.Muted) is not gate.is_muted:
                gate.turn(event.position)
        return gate

    def next_segment_id(self) -> int:
        """One that no segment has. Raises `InputError`."""
        return 1 + max((event.segment_id for event in self._told(events.SpeechStarted)), default=-1)

    @property
    def duration(self) -> float:
        """Seconds of audio."""
        return stored_samples(self.audio) / SAMPLE_RATE

    @property
    def state(self) -> State:
        with self._claims():
            if is_held(self._lock.path):
                return State.LIVE
        return State.INTERRUPTED if self.duration - self.done_until() > LEFT_S else State.FINISHED

    def info(self) -> RecordingInfo:
        """Raises `InputError`."""
        manifest, told = Manifest.read(self.folder), self.events()
        captions = Captions.of(told).found
        detected = next((e.language for e in reversed(told) if isinstance(e, events.LanguageDetected)), None)
        translated = next((c.translation.language for c in captions if c.translation), None)
        return RecordingInfo(
            name=self.name,
            title=manifest.title,
            started=manifest.started,
            duration=self.duration,
            state=self.state,
            source=manifest.source,
            profile=manifest.profile,
            language=manifest.language or detected or most_common_language(captions),
            target_language=translated or manifest.target_language,
            segments=len(captions),
            preview=preview(caption.transcript.text for caption in captions),
        )

    def export(
        self, outputs: Sequence[Output], *, show: Show = "source", span: Span | None = None, overwrite: bool = False
    ) -> list[SubtitleFile]:
        """Make subtitles of it, or of a part, and write those that have a path.

        Raises `UsageError` for a part that begins after its end, `EngineError`, `OutputError`.
        """
        self._check(span)
        files = render(outputs, self.captions(), self.info().language, show, span)
        write_files(files, overwrite=overwrite)
        return files

    def export_audio(self, path: Path, *, span: Span | None = None, overwrite: bool = False) -> None:
        """Write its audio, or a part of it, as a WAV. Raises as `export` does."""
        self._check(span)
        span = span or Span()
        position, end = round(span.start * SAMPLE_RATE), round(min(span.end, self.duration) * SAMPLE_RATE)
        with WavWriter(path, SAMPLE_RATE, overwrite=overwrite) as wav:
            while position < end:
                samples = read_samples(self.audio, position, min(end - position, 60 * SAMPLE_RATE))
                wav.write(samples)
                position += len(samples)
            wav.commit()

    def _check(self, span: Span | None) -> None:
        if span is not None and span.start >= self.duration:
            ends = f"session {self.name!r} ends before {span.start:g} s"
            raise UsageError(ends, hint=f"It is {self.duration:.1f} s long.")

    def mentions(self, text: str) -> list[Caption]:
        """The captions whose text or translation holds `text`, whatever the case. Raises `InputError`."""
        if not holds(self._journal_path, text):
            return []
        return [caption for caption in self.captions() if any(text.casefold() in t.casefold() for t in _texts(caption))]

    def _told(self, *kinds: type[Event]) -> list[Any]:
        """The events of some kinds; lines of others are not parsed."""
        begins = tuple(b'{"type": "%b"' % kind.type.encode() for kind in kinds)
        return read_journal(self._journal_path, lambda line: line.startswith(begins))[0]

    def _claims(self) -> Lock:
        """Over claiming, and over looking whether it is claimed: a look must not make a claim fail."""
        return Lock(self.folder.parent / ".lock")

    def _claim(self) -> None:
        with self._claims():
            if not self._lock.acquire():
                raise self._in_use()

    def _in_use(self) -> UsageError:
        return UsageError(f"session {self.name!r} is being recorded", hint="Stop it first, where it runs.")


def sessions_dir() -> Path:
    """Where sessions lie, each in a folder of its own."""
    return paths.data_dir() / "sessions"


def _texts(caption: Caption) -> list[str]:
    return [caption.transcript.text, caption.translation.text if caption.translation else ""]


def _new_folder(started: datetime) -> Path:
    """Sessions that start within a second are told apart by a number. What was said is for nobody else to read."""
    name, count = started.strftime("%Y-%m-%d_%H%M%S"), 1
    folder = sessions_dir() / name
    with said_plainly(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                folder.mkdir(mode=0o700)
            except FileExistsError:
                count += 1
                folder = folder.with_name(f"{name}-{count}")
            else:
                return folder
