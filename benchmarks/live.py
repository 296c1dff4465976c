"""How soon captions of live speech come, what interim text costs, and how much of it changes.

Real speech is played in real time through a live session, once with interim text and once without it; with PulseAudio
also into a null sink, from whose monitor it is captured. An audible position has a clock time: when the source gave the
chunk that holds it, less what of the chunk comes after it. Texts are timed when an observer gets them.
"""

from __future__ import annotations

import asyncio
import math
import os
import tempfile
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import partial
from itertools import takewhile
from pathlib import Path
from statistics import quantiles
from subprocess import Popen
from typing import Any, Final

import numpy as np

from benchmarks import recording, replay, sound
from benchmarks.machine import ROOT, described, facts
from benchmarks.recording import Clip
from benchmarks.wer import normalise, word_errors
from workbench import Settings, StageKind, events, plugins
from workbench.audio.spool import read_samples, stored_samples
from workbench.cli.overrides import overridden
from workbench.live import Live, Source
from workbench.plugins import Registry
from workbench.types import Activity, AudioChunk, Samples, Transcript

MODEL: Final = "tiny.en"
TRANSLATION: Final = "bergamot"
TARGET_LANGUAGE: Final = "pt"
TARGETS: Final = {"wer": 0.06, "interim_cores": 1.0}
LATENCIES: Final = {
    "announced": "speech_started after the onset of speech",
    "first_interim": "first interim text after the onset of speech",
    "final": "final text after speech_ended",
    "final_after_speech": "final text after the last of the speech",
    "translation": "translation after the final text",
}
_SPEECH: Final = 0.5
"""A frame of this probability is speech."""
_LAG_S: Final = 2.5
"""Of a monitor, at most: what is played is to be captured to its end."""


@dataclass(slots=True)
class Run:
    """What was observed of one session. Seconds: of `clock` on the monotonic clock, all others on the timeline."""

    load: float
    """The machine's, over the last minute, before it began."""
    clock: list[tuple[float, float]] = field(default_factory=list)
    """End of each chunk on the timeline, and when the source gave it."""
    activities: list[Activity] = field(default_factory=list)
    told: list[tuple[float, events.Event]] = field(default_factory=list)
    """Each event, and when on the monotonic clock."""
    stored: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    heard: sound.Heard | None = None
    """How what is stored agrees with what was played, where that came through a device."""
    cpu_s: float = 0.0
    """Of this process, from the start of the capture to the last text."""
    wall_s: float = 0.0

    def heard_at(self, position: float) -> float:
        """When `position` was audible, on the monotonic clock."""
        end, given = self.clock[min(bisect_left(self.clock, (position, 0.0)), len(self.clock) - 1)]
        return given - (end - position)

    def texts(self) -> dict[int, list[tuple[float, Transcript]]]:
        """Of each segment, in the order they came."""
        found: dict[int, list[tuple[float, Transcript]]] = {}
        for when, event in self.told:
            if isinstance(event, events.Transcript):
                found.setdefault(event.transcript.segment_id, []).append((when, event.transcript))
        return found

    def speech(self, start: float, end: float) -> tuple[float, float]:
        """Where the detector places the first and the last of the speech between two positions: no padding."""
        loud = [
            activity.start + index * activity.frame_s
            for activity in self.activities
            if start - 1.0 <= activity.start <= end
            for index, probability in enumerate(activity.probabilities)
            if probability >= _SPEECH and start <= activity.start + index * activity.frame_s < end
        ]
        frame_s = self.activities[0].frame_s
        return loud[0], loud[-1] + frame_s


def run() -> dict[str, object]:
    clips = [clip for clip in recording.real_clips() if clip.path.parent.name == "read"]
    with tempfile.TemporaryDirectory() as name, environment(WORKBENCH_DATA_DIR=f"{name}/data"):
        path = Path(name) / "speech.wav"
        samples = recording.samples(clips)
        dialogue = recording.samples([Clip(ROOT / "samples" / "dialogue.flac", "", "en")])
        recording.write(path, np.concatenate([samples, dialogue]))
        runs = {
            "file": asyncio.run(session(Source(path=path), interim=True)),
            "without_interim": asyncio.run(session(Source(path=path), interim=False)),
        }
        if not sound.missing():
            runs["null_sink"] = through_null_sink(Path(name) / "sound", samples)
    read_s = len(samples) / recording.RATE
    found: dict[str, Any] = {name: figures(run, clips, math.inf if run.heard else read_s) for name, run in runs.items()}
    return {
        "machine": facts("audio-workbench", "workbench-faster-whisper", "ctranslate2"),
        "model": MODEL,
        "translation": TARGET_LANGUAGE,
        "interim_cores": round(found["file"]["cores"] - found["without_interim"]["cores"], 3),
        "targets": TARGETS,
        "runs": found,
    }


# sessions


async def session(source: Source, *, interim: bool, play: Callable[[], Popen[bytes]] | None = None) -> Run:
    """One session of `source`, to the last translation. It ends when all was heard of what `play` begins to play."""
    observed = Run(os.getloadavg()[0])
    registry = watched(plugins.load(), observed)
    profile = overridden(
        None,
        registry,
        [f"vad={replay.VAD}", f"asr={replay.ASR}", f"translation={TRANSLATION}"],
        [f"asr.model={MODEL}", "asr.device=cpu"],
    )
    profile = profile.model_copy(update={"live": profile.live.model_copy(update={"interim": interim})})
    async with Live(profile, registry, Settings(language="en", target_language=TARGET_LANGUAGE)) as live:
        live.change()
        await live.settled()
        live.observe(lambda event: observed.told.append((time.monotonic(), event)))
        cpu, began = time.process_time(), time.perf_counter()
        await live.start(source)
        if play is not None:
            await asyncio.to_thread(play().wait)
            await asyncio.sleep(_LAG_S)
            live.stop()
        await live.finished()
        observed.cpu_s, observed.wall_s = time.process_time() - cpu, time.perf_counter() - began
        assert live.recording is not None
        observed.stored = read_samples(live.recording.audio, 0, stored_samples(live.recording.audio))
    return observed


def watched(registry: Registry, observed: Run) -> Registry:
    """`registry`, with engines that also keep in `observed` what the figures are made of."""
    silero: Any = registry.find(StageKind.VAD, replay.VAD)

    class WatchedVad(silero):  # type: ignore[misc]
        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> list[Iterable[Activity]]:
            results: list[Iterable[Activity]] = [list(result) for result in super().process_batch(work)]
            observed.activities += [activity for result in results for activity in result]
            return results

    def watched_source(engine: Any) -> Any:
        class Watched(engine):  # type: ignore[misc]
            def open(self, settings: Settings) -> Iterator[AudioChunk]:
                return chunks(super().open(settings))

        return Watched

    def chunks(source: Any) -> Iterator[AudioChunk]:
        with closing(source):
            for chunk in source:
                observed.clock.append((chunk.end, time.monotonic()))
                yield chunk

    sources = [watched_source(registry.find(StageKind.CAPTURE, name)) for name in ("file", "microphone")]
    return replay.with_engines(registry, WatchedVad, *sources)


def through_null_sink(folder: Path, samples: Samples) -> Run:
    """A session of what a sound server without a sound card plays."""
    with sound.sound_server(folder) as server, environment(**server.environment):
        server.load("speaker")
        lead = np.zeros(recording.RATE, np.float32)  # in which the stream of the listener begins to flow
        play = partial(server.play, np.concatenate([lead, samples]), recording.RATE, "speaker")
        run = asyncio.run(session(Source(), interim=True, play=play))
    run.heard = sound.heard(run.stored, samples, recording.RATE)
    return run


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set variables of this process's environment for a while."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


# figures


def figures(run: Run, clips: Sequence[Clip], read_s: float) -> dict[str, Any]:
    """`clips` are said within the first `read_s` seconds."""
    delays = latencies(run)
    finals = sorted((text.start, text.text) for texts in run.texts().values() for _, text in texts if text.is_final)
    heard = " ".join(text for start, text in finals if start < read_s)
    wrong, words = word_errors(" ".join(clip.text for clip in clips), heard)
    return {
        "load_before": round(run.load, 2),
        "seconds": round(run.clock[-1][0], 1),
        "cores": round(run.cpu_s / run.wall_s, 3),
        "segments": len(run.texts()),
        "wrong": wrong,
        "words": words,
        "wer": round(wrong / words, 4),
        **{name: percentiles(delays[name]) for name in LATENCIES},
        **flicker(run),
        **({} if run.heard is None else run.heard._asdict()),
    }


def latencies(run: Run) -> dict[str, list[float]]:
    """Seconds, of all segments that have such."""
    found: dict[str, list[float]] = {name: [] for name in LATENCIES}
    texts = run.texts()
    told = {(t.segment_id, t.start): when for segment in texts.values() for when, t in segment if t.is_final}
    announced = {event.segment_id: when for when, event in run.told if isinstance(event, events.SpeechStarted)}
    for when, event in run.told:
        match event:
            case events.SpeechEnded(segment_id=segment_id, start=start, end=end) if segment_id in texts:
                onset, last = run.speech(start, end)
                interim = [shown for shown, text in texts[segment_id] if not text.is_final]
                final = [shown for shown, text in texts[segment_id] if text.is_final]
                found["announced"].append(announced[segment_id] - run.heard_at(onset))
                found["first_interim"] += [shown - run.heard_at(onset) for shown in interim[:1]]
                found["final"] += [shown - when for shown in final[-1:]]
                found["final_after_speech"] += [shown - run.heard_at(last) for shown in final[-1:]]
            case events.Translation(transcript=said, translation=translation) if translation.is_final:
                found["translation"].append(when - told[said.segment_id, said.start])
    return found


def percentiles(values: Sequence[float]) -> dict[str, float]:
    if len(values) < 2:
        return {"count": len(values)}
    cuts = quantiles(values, n=20, method="inclusive")
    return {
        "count": len(values),
        "p50_s": round(cuts[9], 3),
        "p95_s": round(cuts[18], 3),
        "worst_s": round(max(values), 3),
    }


def flicker(run: Run) -> dict[str, Any]:
    """Of all words that were shown, the share that another text then took from its place; and of those called stable.

    A new text keeps of the one before the words that both begin with. Case and punctuation do not count.
    """
    shown = changed = stable = unstable = 0
    for texts in run.texts().values():
        final = " ".join(text.text for _, text in texts if text.is_final)
        interim = [text for _, text in texts if not text.is_final]
        before: list[str] = []
        for text in [*(text.text for text in interim), final]:
            words = normalise(text).split()
            kept = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(before, words, strict=False))))
            shown, changed, before = shown + len(words) - kept, changed + len(before) - kept, words
        if interim:
            promised = normalise(interim[-1].stable).split()
            matches = SequenceMatcher(None, promised, before, autojunk=False).get_matching_blocks()
            stable, unstable = stable + len(promised), unstable + len(promised) - sum(match.size for match in matches)
    return {
        "words_shown": shown,
        "changed": round(changed / shown, 4),
        "words_stable": stable,
        "stable_changed": round(unstable / stable, 4) if stable else 0.0,
    }


def report(figures: dict[str, Any]) -> str:
    titles = {
        "file": "a file in real time",
        "without_interim": "the same without interim text",
        "null_sink": "a null sink's monitor",
    }
    lines = [f"{described(figures['machine'])}; {figures['model']}, translated to {figures['translation']}"]
    for name, run in figures["runs"].items():
        lines.append(
            f"{titles[name]}: {run['seconds']:.0f} s, {run['segments']} segments; load before {run['load_before']}"
        )
        for latency, title in LATENCIES.items():
            if run[latency]["count"] > 1:
                lines.append(
                    f"  {title:<44}p50 {run[latency]['p50_s']:.2f} s, p95 {run[latency]['p95_s']:.2f} s, "
                    f"worst {run[latency]['worst_s']:.2f} s, of {run[latency]['count']}"
                )
        lines.append(
            f"  {run['wrong']} of {run['words']} words of the read clips wrong: {run['wer'] * 100:.1f} %; "
            f"target {figures['targets']['wer'] * 100:.0f} %"
        )
        lines.append(
            f"  {run['changed'] * 100:.1f} % of {run['words_shown']} words shown changed, "
            f"{run['stable_changed'] * 100:.1f} % of {run['words_stable']} stable ones; {run['cores']:.2f} cores"
        )
    if sink := figures["runs"].get("null_sink"):
        lines.append(
            f"what was played came back {'complete' if sink['complete'] else 'INCOMPLETE'}, "
            f"correlation {sink['correlation']:.4f}"
        )
    lines.append(
        f"interim text costs {figures['interim_cores']:.2f} cores; target {figures['targets']['interim_cores']:.0f}"
    )
    return "\n".join(lines)
