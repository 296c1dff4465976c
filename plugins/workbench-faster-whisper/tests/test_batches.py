"""Windows that are recognized together, with the real weights on real speech."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

import workbench
from benchmarks.wer import word_errors
from workbench import models
from workbench.audio.decode import decode
from workbench.speech.drift import MOST, Drift
from workbench.testing import window
from workbench_faster_whisper import FasterWhisper, catalog

AUDIO: Final = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or Path(__file__).parents[4] / "shared/audio")
JFK: Final = AUDIO / "read/jfk.flac"
ENGLISH: Final = workbench.Settings(language="en")
NOISE: Final = np.random.default_rng(0).normal(0.0, 1e-1, 10 * 16_000).astype(np.float32)

pytestmark = pytest.mark.skipif(not AUDIO.is_dir(), reason=f"no test speech in {AUDIO} (WORKBENCH_TEST_AUDIO)")


def _engine(model: str) -> FasterWhisper:
    if models.present(models.find(catalog.MODELS, model)) is None:
        pytest.skip(f"model {model} is not installed")
    return FasterWhisper(FasterWhisper.Options(model=model, device="cpu", batch_size=4))


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def tiny(cache: None) -> Iterator[FasterWhisper]:
    engine = _engine("tiny.en")
    yield engine
    engine.close()


def heard(path: Path, *, start: float = 0.0) -> workbench.Window:
    return window(samples(path), start=start)


def samples(path: Path) -> workbench.Samples:
    return np.concatenate([chunk.samples for chunk in decode(path)])


def growing(audio: workbench.Samples) -> workbench.Window:
    chunk = workbench.AudioChunk(audio, 16_000, 0.0)
    return workbench.Window((workbench.SpeechSegment(id=0, audio=chunk, is_final=False),))


def together(
    engine: FasterWhisper, *work: workbench.Window | tuple[workbench.Window, workbench.Settings]
) -> list[list[workbench.Transcript]]:
    pairs = [item if isinstance(item, tuple) else (item, ENGLISH) for item in work]
    return [list(found) for found in engine.process_batch(pairs)]


def text(transcripts: Iterable[workbench.Transcript]) -> str:
    return " ".join(transcript.text for transcript in transcripts)


def read_clips() -> dict[Path, str]:
    with (AUDIO / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {AUDIO / row["file"]: row["text"] for row in rows if row["file"].startswith("read/")}


def with_times(transcripts: Iterable[workbench.Transcript]) -> list[tuple[str, float, float]]:
    return [(word.text, word.start, word.end) for transcript in transcripts for word in transcript.words]


def test_texts_and_times_of_a_batch_do_not_depend_on_what_is_in_it(tiny: FasterWhisper) -> None:
    windows = [heard(path, start=100.0 * n) for n, path in enumerate(list(read_clips())[:4])]
    batch = together(tiny, *windows)
    apart = [together(tiny, item)[0] for item in windows]
    assert [with_times(found) for found in batch] == [with_times(found) for found in apart]
    for item, found in zip(windows, batch, strict=True):
        assert item.start <= found[0].start < found[-1].end <= item.start + item.duration


def test_a_batch_reads_as_well_as_windows_one_by_one(tiny: FasterWhisper) -> None:
    clips = read_clips()
    windows = [heard(path) for path in clips]
    found = together(tiny, *windows)
    counts = [word_errors(said, text(read)) for said, read in zip(clips.values(), found, strict=True)]
    assert sum(errors for errors, _ in counts) <= 0.05 * sum(words for _, words in counts)
    drift = Drift()
    for item, read in zip(windows, found, strict=True):
        drift = drift.with_window(text(read), text(tiny.process(item, ENGLISH)))
    assert drift.words > 100
    assert drift.share <= MOST


def test_each_window_of_a_batch_keeps_its_own_settings_and_rules(tiny: FasterWhisper) -> None:
    audio = samples(JFK)
    prompted = replace(ENGLISH, prompt="President Kennedy.")
    silence = [window(np.zeros(5 * 16_000, np.float32)), window(NOISE), window(NOISE * 0.01)]
    first, interim, other, *silent = together(tiny, window(audio), growing(audio), (window(audio), prompted), *silence)
    assert "country" in text(first)
    assert "country" in text(other)
    assert [transcript.is_final for transcript in interim] == [False]
    assert silent == [[], [], []]


def test_speech_after_a_long_pause_is_not_lost_in_a_batch(tiny: FasterWhisper) -> None:
    pause = np.random.default_rng(0).normal(0.0, 1e-4, 8 * 16_000).astype(np.float32)
    parts = [samples(AUDIO / "phone/en-vm-rec-busy.wav"), pause, samples(AUDIO / "phone/en-pbx-invalidpark.wav")]
    _, found = together(tiny, heard(JFK), window(np.concatenate(parts)))
    assert "busy message" in text(found).lower()
    assert "please try again" in text(found).lower()


def test_a_language_that_is_not_given_is_found_out_for_each_window() -> None:
    base = _engine("base")
    try:
        paths = (AUDIO / "phone/fr-vm-intro.wav", JFK)
        found = together(base, *((heard(path), workbench.Settings()) for path in paths))
    finally:
        base.close()
    assert [{transcript.language for transcript in transcripts} for transcripts in found] == [{"fr"}, {"en"}]


def test_a_text_that_is_longer_than_its_window_allows_is_made_alone(
    tiny: FasterWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench_faster_whisper import whisper

    short, long = heard(AUDIO / "read/librivox-0930.wav"), heard(JFK)
    bound = whisper._most_tokens
    monkeypatch.setattr(whisper, "_most_tokens", lambda s: 3 if abs(s - short.duration) < 0.01 else bound(s))
    alone = [text(tiny.process(item, ENGLISH)) for item in (short, long)]
    found = [text(read) for read in together(tiny, short, long)]
    assert found[0] == alone[0]
    assert word_errors(alone[1], found[1])[0] == 0


def test_interim_text_does_not_wait_for_a_batch(tiny: FasterWhisper) -> None:
    assert not tiny.joins(growing(NOISE))
    assert tiny.joins(window(NOISE))


def test_one_window_at_a_time_is_the_default_and_is_what_process_does(tiny: FasterWhisper) -> None:
    assert FasterWhisper.Options().batch_size == 1
    item = heard(JFK)
    tiny.max_batch = 1
    try:
        assert together(tiny, item) == [list(tiny.process(item, ENGLISH))]
    finally:
        tiny.max_batch = 4
