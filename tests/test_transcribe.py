"""One file from end to end, through engines that say what a test wants."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest

import workbench
from tests import fakes
from tests.jobs.scribe import Ear
from workbench import events
from workbench.builtin.subtitles import SubtitleExporter
from workbench.engines import Exporter, Settings
from workbench.errors import EngineError, OutputError, StageError
from workbench.node import Emit
from workbench.outputs import Targets
from workbench.profiles.schema import parse_profile
from workbench.session import Session
from workbench.subtitles import Caption
from workbench.transcribe import Result, prepare, repeated_segments, transcribe
from workbench.types import Transcript

RATE = 16_000
SPOKEN = ("The first sentence.", "And the second one.")


class Tape(workbench.Capture):
    """Two stretches of two seconds of speech, with a pause of two seconds after each."""

    name = "file"

    class Options(workbench.Options):
        path: Path | None = None

    def __init__(self, options: Options) -> None:
        self.warnings: list[str] = []

    def open(self, settings: Settings) -> Iterator[workbench.AudioChunk]:
        self.duration = 8.0
        return self._chunks()

    def _chunks(self) -> Iterator[workbench.AudioChunk]:
        for second in range(8):
            level = 0.5 if second % 4 < 2 else 0.0
            yield workbench.AudioChunk(np.full(RATE, level, np.float32), RATE, float(second))
        self.warnings.append("the end sounds odd")


class Reader(workbench.Recognizer):
    """Reads `SPOKEN` aloud, a sentence for each segment."""

    name = "reader"

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        for index, segment in enumerate(item.segments):
            start = sum(s.audio.duration + item.pause_s for s in item.segments[:index])
            yield item.transcript(SPOKEN[segment.id], language="en", start=start, end=start + segment.audio.duration)


class Bridge(workbench.Translator):
    name = "bridge"
    pairs = (("en", "xx"),)

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        yield item.translated(f"({item.text})", "xx")


class Clauses(Bridge):
    """Gives each word as soon as it has it."""

    def process(self, item: workbench.Transcript, state: Settings) -> Iterator[workbench.Translation]:
        for word in item.text.split():
            yield item.translated(word, "xx")


class Singer(workbench.Synthesizer):
    name = "singer"
    voices: ClassVar[dict[str, str]] = {"anna": "en", "otto": "xx"}

    def process(self, item: Any, state: Settings) -> Iterator[workbench.Speech]:
        tone = np.full(8000, 0.5, np.float32)
        yield workbench.Speech(segment_id=item.segment_id, audio=workbench.AudioChunk(tone, 8000, item.start))


class Looping(Reader):
    """Says the same of speech, and again of the silence at the end of the window."""

    name = "looping"

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        for start, end in ((0.2, 1.5), (item.duration - 0.08, item.duration)):
            yield item.transcript(SPOKEN[0], language="en", start=start, end=end)


class Choking(Reader):
    name = "choking"

    def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
        yield from super().process(item, state)
        raise ValueError("a crumb")


def run(
    targets: Targets,
    settings: Settings | None = None,
    *,
    recognizer: Any = Reader,
    translator: Any = Bridge,
    speak: bool = False,
) -> tuple[Result, list[events.Event]]:
    seen = list[events.Event]()
    engines = (recognizer, translator)
    return asyncio.run(made(targets, settings, seen.append, engines=engines, speak=speak)), seen


async def made(
    targets: Targets,
    settings: Settings | None = None,
    emit: Emit = lambda event: None,
    *,
    engines: Sequence[Any] = (Reader, Bridge),
    speak: bool = False,
) -> Result:
    registry = fakes.registry(Tape, Ear, *engines, Singer, SubtitleExporter, Torn)
    profile = parse_profile('schema = 1\nname = "test"\n[vad]\nengine = "ear"\noptions.speech_pad_ms = 100\n')
    given = settings or Settings(language="en")
    async with asyncio.timeout(60), Session(profile, registry) as session:
        stages = await session.load(session.plan(given, speak=speak))
        return await transcribe(session, stages, targets, given, emit)


def wanted(tmp_path: Path, *formats: str, **more: Any) -> Targets:
    return Targets(Path("a.wav"), tuple((f, tmp_path / f"a.{f}") for f in formats), **more)


def test_subtitles_have_what_was_said_when_it_was_said(tmp_path: Path) -> None:
    result, _ = run(wanted(tmp_path, "srt"))
    lines = (tmp_path / "a.srt").read_text().splitlines()
    assert [line for line in lines if line in SPOKEN] == list(SPOKEN)
    assert lines[1].startswith("00:00:00,000 --> 00:00:02,")
    assert lines[5].startswith("00:00:03,900 --> ")
    assert (result.language, result.duration, result.cues) == ("en", 8.0, 2)
    assert result.outputs == (tmp_path / "a.srt",)
    assert "the end sounds odd" in result.warnings


def test_its_json_has_all_segments_with_their_translation(tmp_path: Path) -> None:
    result, _ = run(wanted(tmp_path, "srt", show="translation"), Settings(language="en", target_language="xx"))
    row = result.to_dict()
    assert row.keys() >= {"file", "output", "language", "duration", "elapsed", "segments", "repeated", "segmentation"}
    assert row["warnings"] == list(result.warnings)
    assert [segment["text"] for segment in row["segments"]] == list(SPOKEN)
    assert [segment["translation"] for segment in row["segments"]] == [f"({text})" for text in SPOKEN]
    assert row["segments"][1] == {
        "start": pytest.approx(3.9, abs=0.01),
        "end": pytest.approx(6.1, abs=0.01),
        "text": SPOKEN[1],
        "words": [],
        "translation": f"({SPOKEN[1]})",
    }


def test_what_is_said_again_over_silence_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "workbench.pipeline")
    settings = Settings(language="en", target_language="xx")
    result, seen = run(wanted(tmp_path, "srt", show="translation"), settings, recognizer=Looping)
    assert [segment["text"] for segment in result.to_dict()["segments"]] == [SPOKEN[0]]
    assert len([event for event in seen if isinstance(event, events.Translation)]) == 1
    assert (tmp_path / "a.srt").read_text().count(SPOKEN[0]) == 1
    assert len([line for line in caplog.messages if "said again over silence" in line]) == 1


def test_segments_that_say_the_same_over_and_over_are_flagged() -> None:
    texts = ["Hello.", "Thank you.", "thank you", "Thank you!", "Yes.", "Yes.", "no no no no no no"]
    captions = [
        Caption(Transcript(segment_id=i, text=text, language="en", start=i, end=i + 1)) for i, text in enumerate(texts)
    ]
    assert repeated_segments(captions) == [1, 2, 3, 6]


def test_a_translation_that_comes_in_parts_is_whole(tmp_path: Path) -> None:
    result, _ = run(
        wanted(tmp_path, "srt", show="translation"), Settings(language="en", target_language="xx"), translator=Clauses
    )
    assert [segment["translation"] for segment in result.to_dict()["segments"]] == list(SPOKEN)


def test_its_json_takes_numbers_of_numpy(tmp_path: Path) -> None:
    class Counting(Reader):
        name = "counting"

        def process(self, item: workbench.Window, state: Settings) -> Iterator[workbench.Transcript]:
            word = workbench.Word(np.float32(0.1), np.float32(1.0), " One.", np.float32(0.9))  # type: ignore[arg-type]
            yield item.transcript("One.", language="en", start=word.start, end=word.end, words=[word])

    result, _ = run(wanted(tmp_path, "srt"), recognizer=Counting)
    assert json.loads(json.dumps(result.to_dict()))["segments"] == [
        {
            "start": 0.1,
            "end": 1.0,
            "text": "One.",
            "words": [{"start": 0.1, "end": 1.0, "text": " One.", "probability": 0.9}],
            "translation": None,
        }
    ]


@pytest.mark.parametrize(
    ("show", "said"), [("source", "{}"), ("translation", "({})"), ("both", "{}\n({})")], ids=["source", "other", "both"]
)
def test_subtitles_show_the_languages_that_are_asked_for(tmp_path: Path, show: Any, said: str) -> None:
    run(wanted(tmp_path, "srt", show=show), Settings(language="en", target_language="xx"))
    assert f"\n{said.format(SPOKEN[0], SPOKEN[0])}\n\n" in (tmp_path / "a.srt").read_text()


def test_each_format_is_written_and_what_has_no_place_is_rendered(tmp_path: Path) -> None:
    two = wanted(tmp_path, "vtt", "txt")
    result, _ = run(replace(two, subtitles=(*two.subtitles, ("srt", None))))
    assert (tmp_path / "a.vtt").read_text().startswith("WEBVTT")
    assert SPOKEN[0] in (tmp_path / "a.txt").read_text()
    assert [data.split(b"\n")[2] for data in result.rendered] == [SPOKEN[0].encode()]
    assert result.outputs == (tmp_path / "a.vtt", tmp_path / "a.txt")


def test_speech_is_where_the_text_was_said(tmp_path: Path) -> None:
    result, seen = run(wanted(tmp_path, "srt", speech=tmp_path / "a.wav"), speak=True)
    assert result.outputs == (tmp_path / "a.srt", tmp_path / "a.wav")
    with av.open(str(tmp_path / "a.wav")) as file:
        assert file.streams.audio[0].sample_rate == 24_000
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)]).astype(np.float32) / 32768
    loud = np.abs(heard) > 0.25
    assert len(heard) / 24_000 == pytest.approx(4.9, abs=0.02)
    assert loud[: 24_000 - 100].all()
    assert not loud[24_000 + 100 : round(3.9 * 24_000) - 100].any()
    assert sum(isinstance(event, events.Speech) for event in seen) == 2


def test_everything_that_happens_is_told_in_order(tmp_path: Path) -> None:
    _, seen = run(wanted(tmp_path, "srt"))
    assert seen[0] == events.Ready(duration=8.0)
    assert isinstance(seen[-1], events.Done)
    progress = [event.position for event in seen if isinstance(event, events.Progress)]
    assert progress == sorted(progress) != []


def test_a_failure_leaves_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"asr engine 'choking' failed at 0:00.0: ValueError: a crumb"):
        run(wanted(tmp_path, "srt", speech=tmp_path / "a.wav"), recognizer=Choking, speak=True)
    assert not list(tmp_path.iterdir())


class Torn(Exporter):
    name = "torn"
    formats = ("torn",)

    def render(self, cues: Sequence[workbench.Cue], format: str) -> bytes:
        raise KeyError("paper")


def test_everything_is_rendered_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="export engine 'torn' failed to make torn: KeyError: 'paper'"):
        run(wanted(tmp_path, "srt", "torn"))
    assert not list(tmp_path.iterdir())


def test_what_appeared_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.srt").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        run(wanted(tmp_path, "srt"))
    assert (tmp_path / "a.srt").read_text() == "mine"
    run(wanted(tmp_path, "srt", overwrite=True))
    assert SPOKEN[0] in (tmp_path / "a.srt").read_text()


def test_who_cancels_does_not_wait_for_the_rest_of_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    stopped: list[bool] = []

    def copy(*_: Any, stop: threading.Event, **__: Any) -> list[str]:
        started.set()
        stopped.append(stop.wait(60))
        raise OutputError("stopped")

    monkeypatch.setattr("workbench.transcribe.mux", copy)
    targets = wanted(tmp_path, "srt", copy=tmp_path / "a.mkv")

    async def test() -> None:
        making = asyncio.create_task(made(targets))
        await asyncio.to_thread(started.wait, 60)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    fakes.run(test)
    assert stopped == [True]


def test_subtitles_are_written_when_the_disk_is_no_longer_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = os.link, iter(range(2))

    def link(*paths: Any) -> None:
        if next(failures, None) is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        real(*paths)

    monkeypatch.setattr("workbench.disk.FIRST_WAIT_S", 0.0001)
    monkeypatch.setattr(os, "link", link)
    run(wanted(tmp_path, "srt", "vtt"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.srt", "a.vtt"]
    assert SPOKEN[0] in (tmp_path / "a.srt").read_text()


def test_preparing_makes_the_folder_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "deep"
    prepare(wanted(folder, "srt", folder=folder))
    assert not list(folder.iterdir())


def test_preparing_finds_out_what_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        prepare(wanted(tmp_path / "missing", "srt"))
    (tmp_path / "a.srt").mkdir()
    with pytest.raises(OutputError, match="directory"):
        prepare(wanted(tmp_path, "srt", overwrite=True))
