"""What engines gave for one recording, and engines that give it again for nothing: what is left is the core."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from workbench import StageKind, plugins
from workbench.cli.overrides import overridden
from workbench.engines import Settings
from workbench.outputs import Targets
from workbench.plugins import Registry
from workbench.session import Session
from workbench.transcribe import transcribe
from workbench.types import Activity, AudioChunk, Transcript, Window

VAD, ASR = "silero", "faster-whisper"


@dataclass(slots=True)
class Tape:
    """By where in the recording a chunk or window starts."""

    activities: dict[float, list[Activity]] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    transcripts: dict[float, list[Transcript]] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    cpu_s: float
    """Of this process, in the pipeline and what makes the file of it; loading engines is not in it."""
    wall_s: float
    text: str


def record(path: Path, options: Sequence[str]) -> Tape:
    """Transcribe English speech once, with `options` as on the command line, and keep what the engines give."""
    tape = Tape()
    registry = plugins.load()
    silero: Any = registry.find(StageKind.VAD, VAD)
    whisper: Any = registry.find(StageKind.ASR, ASR)

    class RecordedVad(silero):  # type: ignore[misc]
        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> list[Iterable[Activity]]:
            results: list[Iterable[Activity]] = super().process_batch(work)
            tape.activities.update({chunk.start: list(r) for (chunk, _), r in zip(work, results, strict=True)})
            return results

    class RecordedAsr(whisper):  # type: ignore[misc]
        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            tape.windows.append(item)
            tape.transcripts[item.start] = list(super().process(item, state))
            yield from tape.transcripts[item.start]

    tape.text = asyncio.run(run(path, options, with_engines(registry, RecordedVad, RecordedAsr))).text
    tape.windows.sort(key=lambda window: window.start)
    return tape


def windows(path: Path, options: Sequence[str]) -> list[Window]:
    """What the recognizer would get of a recording."""
    found: list[Window] = []
    registry = plugins.load()
    whisper: Any = registry.find(StageKind.ASR, ASR)

    class Collected(whisper):  # type: ignore[misc]
        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            found.append(item)
            yield from ()

    asyncio.run(run(path, options, with_engines(registry, Collected)))
    return sorted(found, key=lambda window: window.start)


def replay(path: Path, options: Sequence[str], tape: Tape) -> Run:
    """Transcribe the same file again with engines that only play `tape`."""
    registry = plugins.load()
    silero: Any = registry.find(StageKind.VAD, VAD)
    whisper: Any = registry.find(StageKind.ASR, ASR)

    class PlayedVad(silero):  # type: ignore[misc]
        def __init__(self, options: Any) -> None:
            pass

        def process_batch(self, work: Sequence[tuple[AudioChunk, Any]]) -> list[Iterable[Activity]]:
            return [tape.activities.get(chunk.start, ()) for chunk, _ in work]

        def flush(self, state: Any) -> Iterable[Activity]:
            return ()

        def close(self) -> None:
            pass

    class PlayedAsr(whisper):  # type: ignore[misc]
        def __init__(self, options: Any) -> None:
            pass

        def process(self, item: Window, state: Settings) -> Iterator[Transcript]:
            yield from tape.transcripts.get(item.start, ())

        def close(self) -> None:
            pass

    return asyncio.run(run(path, options, with_engines(registry, PlayedVad, PlayedAsr)))


def with_engines(registry: Registry, *engines: Any) -> Registry:
    """`registry`, with `engines` in the place of those of the same kind and name."""
    mine = {(engine.kind, engine.name): engine for engine in engines}
    replaced = [replace(r, engine=mine.get((r.kind, r.name), r.engine)) for r in registry.registrations]
    return Registry(registry.plugins, replaced)


async def run(path: Path, options: Sequence[str], registry: Registry) -> Run:
    """As `workbench transcribe` does it, without the command line around it."""
    settings = Settings(language="en")
    profile = overridden(None, registry, [f"vad={VAD}", f"asr={ASR}"], options)
    with tempfile.TemporaryDirectory() as folder:
        async with Session(profile, registry) as session:
            job = Targets(path, (("srt", Path(folder) / "out.srt"),))
            stages = await session.load(session.plan(settings))
            cpu, began = time.process_time(), time.perf_counter()
            result = await transcribe(session, stages, job, settings, lambda event: None)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - began
    return Run(cpu, wall, " ".join(caption.transcript.text for caption in result.captions))
