"""Speech recognition by Whisper, on CTranslate2 through faster-whisper."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np
from pydantic import Field

import workbench
from workbench import models
from workbench_faster_whisper import catalog, choice, texts

if TYPE_CHECKING:
    from workbench_faster_whisper.whisper import Whisper

_log = logging.getLogger(__name__)
_KNOWN_LANGUAGE = 0.5
"""Probability from which on a detected language counts."""


class FasterWhisper(
    workbench.BatchEngine[workbench.Window, workbench.Transcript, workbench.Settings], workbench.Recognizer
):
    name = catalog.ENGINE
    languages = catalog.LANGUAGES

    class Options(workbench.Options):
        speed_only = frozenset({"device_index", "concurrency", "threads_per_call"})

        model: str = "auto"
        """A name from `workbench models`, a folder of converted weights ("./x", "/y/x"), or "auto".

        "auto" is the best that is here and fits into memory; one for English only, where English is the language.
        """
        device: Literal["auto", "cpu", "cuda"] = "auto"
        """Where it runs; "auto": on a GPU that CTranslate2 can use, else on the CPU."""
        device_index: int = Field(default=0, ge=0)
        """Which GPU."""
        compute_type: Literal[
            "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
        ] = "auto"
        """Precision; "auto": int8 on a CPU, float16 on a GPU."""
        concurrency: int = Field(default=1, ge=1)
        """Windows recognized at once with one copy of the weights."""
        batch_size: int = Field(default=1, ge=1)
        """Windows recognized in one call. For GPUs: on a CPU it does not pay, so that 1 is the default.

        On a CPU, 4 windows of tiny.en together take 3 to 10 % less time than one after the other, and comparing texts,
        which may differ by a word, takes more than that.
        """
        threads_per_call: int = Field(default=1, ge=1)
        """CPU threads for one window. More `concurrency` pays better."""
        beam_size: int = Field(default=5, ge=1)
        """Texts that are weighed against each other; 1 is a little faster and a little worse. Interim text has 1."""
        word_timestamps: bool = True
        """Whether each word of a final text gets its time."""

    def __init__(self, options: Options) -> None:
        if options.model == "auto":
            options = self.resolve(options, workbench.Settings())
        folder = _weights(options.model)
        self.concurrency = options.concurrency
        self.max_batch = options.batch_size
        self._beam_size = options.beam_size
        self._word_timestamps = options.word_timestamps
        self._whisper: Whisper | None = _load(folder, options)

    @classmethod
    def models(cls) -> Sequence[models.Model]:
        return catalog.MODELS

    @classmethod
    def resolve(cls, options: Options, settings: workbench.Settings) -> Options:
        super().resolve(options, settings)
        if _is_folder(options.model):
            models.user_folder(Path(options.model), catalog.MODELS[0])
            return options
        if options.model == "auto":
            model = choice.best(settings.language, options.compute_type)
        else:
            model = models.find(catalog.MODELS, options.model)
            choice.check(model, settings.language)
        return options.model_copy(update={"model": model.name})

    def warm_up(self) -> None:
        """The first call takes some 60 ms longer: memory, threads and kernels are made ready in it."""
        faint_noise = np.random.default_rng(0).normal(0.0, 0.01, 16_000).astype(np.float32)
        chunk = workbench.AudioChunk(faint_noise, 16_000, 0.0)
        window = workbench.Window((workbench.SpeechSegment(id=0, audio=chunk),))
        for _ in self._recognize(window, workbench.Settings(language="en")):
            pass

    def joins(self, item: workbench.Window) -> bool:
        return item.is_final

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterator[workbench.Transcript]:
        if item.is_final:
            yield from self._with_what_was_skipped(item, state, list(self._recognize(item, state)))
        else:
            yield from self._recognize_so_far(item, state)

    def process_batch(
        self, work: Sequence[tuple[workbench.Window, workbench.Settings]]
    ) -> Sequence[Iterable[workbench.Transcript]]:
        """Windows of the same settings are recognized together, others as `process` does."""
        results: list[Iterable[workbench.Transcript]] = [self.process(item, state) for item, state in work]
        together: dict[workbench.Settings, list[int]] = {}
        for index, (item, state) in enumerate(work):
            if self.max_batch > 1 and self._is_plain(item, state):
                together.setdefault(state, []).append(index)
        for state, indices in together.items():
            items = [work[index][0] for index in indices]
            for index, item, found in zip(indices, items, self._recognize_together(items, state), strict=True):
                results[index] = self._with_what_was_skipped(item, state, found)
        return results

    def _is_plain(self, item: workbench.Window, state: workbench.Settings) -> bool:
        """Whether it is speech to its end, in a language that is known."""
        whisper = self._able(item, state)
        knows_language = state.language is not None or not whisper.model.is_multilingual
        return item.is_final and knows_language and bool(item.samples.any())

    def _with_what_was_skipped(
        self, item: workbench.Window, state: workbench.Settings, found: list[workbench.Transcript]
    ) -> list[workbench.Transcript]:
        if len(item.segments) > 1 and self._word_timestamps:
            for segment in texts.skipped(item, found):
                _log.info("the segment at %.1f s was skipped: it is recognized alone", segment.audio.start)
                before, alone = (
                    texts.of_segment(segment, found),
                    list(self._recognize(workbench.Window((segment,)), state)),
                )
                if texts.length(alone) > texts.length(before):
                    found = [transcript for transcript in found if transcript not in before] + alone
        return sorted(found, key=lambda transcript: transcript.start)

    def _recognize(self, item: workbench.Window, state: workbench.Settings) -> Iterator[workbench.Transcript]:
        whisper = self._able(item, state)
        samples = item.samples
        if not samples.any():
            return
        with _telling_what_is_broken():
            for segment, language in whisper.recognize(
                samples, **_asked(state), beam_size=self._beam_size, word_timestamps=self._word_timestamps
            ):
                yield from texts.said(item, segment, state.language or catalog.language(language))

    def _recognize_together(
        self, items: Sequence[workbench.Window], state: workbench.Settings
    ) -> list[list[workbench.Transcript]]:
        whisper = self._able(items[0], state)
        with _telling_what_is_broken():
            found = whisper.recognize_together(
                [item.samples for item in items],
                **_asked(state),
                beam_size=self._beam_size,
                word_timestamps=self._word_timestamps,
            )
            return [
                [transcript for segment in segments for transcript in texts.said(item, segment, state.language or "en")]
                for item, segments in zip(items, found, strict=True)
            ]

    def _recognize_so_far(self, item: workbench.Window, state: workbench.Settings) -> Iterator[workbench.Transcript]:
        whisper = self._able(item, state)
        samples = item.samples
        if not samples.any():
            return
        with _telling_what_is_broken():
            found = whisper.recognize_so_far(samples, **_asked(state))
        if found is not None:
            text, language = found
            spoken = state.language or catalog.language(language)
            yield item.transcript(text, language=spoken, start=0.0, end=item.duration)

    def detect_language(self, window: workbench.Window) -> str | None:
        whisper = self._loaded(window)
        if not whisper.model.is_multilingual:
            return "en"
        language, probability = whisper.language_of(window.samples)
        return catalog.language(language) if probability >= _KNOWN_LANGUAGE else None

    def close(self) -> None:
        if self._whisper is not None:
            self._whisper.unload()
            self._whisper = None

    def _able(self, window: workbench.Window, state: workbench.Settings) -> Whisper:
        whisper = self._loaded(window)
        if state.language and not whisper.model.is_multilingual and not catalog.is_english(state.language):
            raise workbench.UnsupportedLanguage(f"this model is for English only, not for {state.language!r}")
        return whisper

    def _loaded(self, window: workbench.Window) -> Whisper:
        if self._whisper is None:
            raise workbench.EngineError("faster-whisper was closed")
        if window.sample_rate != 16_000:
            raise workbench.InputError(f"faster-whisper takes audio of 16000 Hz, not {window.sample_rate} Hz")
        return self._whisper


class _Asked(TypedDict):
    language: str | None
    prompt: str
    hotwords: str


def _asked(state: workbench.Settings) -> _Asked:
    """What a stream sets, in Whisper's words."""
    language = catalog.token(state.language) if state.language else None
    return {"language": language, "prompt": state.prompt, "hotwords": state.hotwords}


def _is_folder(model: str) -> bool:
    return "/" in model or os.sep in model


def _weights(model: str) -> Path:
    """The folder of a resolved `model`, verified. Downloads it when it is not here."""
    if _is_folder(model):
        return models.user_folder(Path(model), catalog.MODELS[0])
    return models.locate(models.find(catalog.MODELS, model))


def _load(folder: Path, options: FasterWhisper.Options) -> Whisper:
    from workbench_faster_whisper import whisper

    try:
        return whisper.load(
            str(folder),
            device=options.device,
            compute_type=options.compute_type,
            device_index=options.device_index,
            cpu_threads=options.threads_per_call,
            num_workers=options.concurrency,
        )
    except Exception as error:
        raise _broken(error, f"cannot load {options.model!r}") from error


def _broken(error: Exception, what: str = "faster-whisper failed") -> workbench.EngineError:
    hint = ""
    if "out of memory" in str(error):
        hint = "Use a smaller model, or compute_type int8."
    elif _is_cuda(error):
        hint = "Install NVIDIA's cuBLAS and cuDNN for CUDA 12, or set device to cpu."
    return workbench.EngineError(f"{what}: {error}", hint=hint)


@contextmanager
def _telling_what_is_broken() -> Iterator[None]:
    """CUDA that fails breaks the engine; any other failure concerns one window."""
    try:
        yield
    except RuntimeError as error:
        if _is_cuda(error):
            raise _broken(error) from error
        raise


def _is_cuda(error: Exception) -> bool:
    return any(name in str(error) for name in ("CUDA", "cuda", "cublas", "cudnn", "CUBLAS", "CUDNN"))


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(FasterWhisper)
