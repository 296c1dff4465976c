"""Words that the whole pipeline gets wrong in clips of read speech, and how often it tells the language of phone calls.

With the defaults of `workbench transcribe`, a file for each clip. The clips are those of WORKBENCH_TEST_AUDIO.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from benchmarks import recording, replay
from benchmarks.machine import described, facts
from benchmarks.recording import Clip
from benchmarks.wer import word_errors
from workbench import Settings, plugins
from workbench.cli.overrides import overridden
from workbench.outputs import Targets
from workbench.session import Session
from workbench.transcribe import Result, transcribe

TARGETS: Final = {"tiny.en": 0.05, "base": 0.03}
"""Word error rate, by model."""
LANGUAGES: Final = 9
"""Of ten clips, by `base`."""


def run() -> dict[str, object]:
    clips = recording.real_clips()
    read = [clip for clip in clips if clip.path.parent.name == "read"]
    calls = [clip for clip in clips if clip.language != "en"]
    models = {}
    for model, target in TARGETS.items():
        results = asyncio.run(transcribed(read, model, Settings(language="en")))
        wrong, words = map(sum, zip(*(word_errors(clip.text, text(results[clip])) for clip in read), strict=True))
        models[model] = {"wrong": wrong, "words": words, "wer": round(wrong / words, 4), "target": target}
    heard = asyncio.run(transcribed(calls, "base", Settings()))
    return {
        "machine": facts("audio-workbench", "faster-whisper", "ctranslate2"),
        "clips": len(read),
        "models": models,
        "calls": len(calls),
        "languages_right": sum(heard[clip].language == clip.language for clip in calls),
        "languages_target": LANGUAGES,
    }


async def transcribed(clips: list[Clip], model: str, settings: Settings) -> dict[Clip, Result]:
    registry = plugins.load()
    profile = overridden(None, registry, [f"asr={replay.ASR}"], [f"asr.model={model}", "asr.device=cpu"])
    async with Session(profile, registry) as session:
        stages = await session.load(session.plan(settings))
        jobs = {clip: Targets(clip.path, (("txt", None),)) for clip in clips}
        return {
            clip: await transcribe(session, stages, job, settings, lambda event: None) for clip, job in jobs.items()
        }


def text(result: Result) -> str:
    return " ".join(caption.transcript.text for caption in result.captions)


def report(figures: dict[str, Any]) -> str:
    rows = [
        f"{model:<9}{found['wrong']} of {found['words']} words wrong: {found['wer'] * 100:.1f} %; "
        f"target {found['target'] * 100:.0f} %"
        for model, found in figures["models"].items()
    ]
    return "\n".join(
        [
            f"{described(figures['machine'])}; {figures['clips']} clips of read speech",
            *rows,
            f"base tells the language of {figures['languages_right']} of {figures['calls']} clips; "
            f"target {figures['languages_target']}",
        ]
    )
