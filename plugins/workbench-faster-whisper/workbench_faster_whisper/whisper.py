"""Whisper, as this plugin runs it: one pass over a window, an encoder little longer than the speech, no sampling.

Imports faster-whisper and CTranslate2, so it is imported only where an engine is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import ctranslate2
import numpy as np
import numpy.typing as npt
import threadpoolctl
from faster_whisper import WhisperModel
from faster_whisper.audio import pad_or_trim
from faster_whisper.tokenizer import Tokenizer
from faster_whisper.transcribe import Segment, TranscriptionOptions, get_compression_ratio, get_suppressed_tokens

from workbench.threads import give_memory_back
from workbench.types import Samples

SAMPLE_RATE: Final = 16_000
FRAMES: Final = 3000
"""Mel frames, 10 ms each, that Whisper was trained on."""
LEAST_FRAMES: Final = 1500
"""The shortest context: below it, text gets lost and starts to loop."""
LEAST_INTERIM_FRAMES: Final = 1000
"""The same for text that the next look corrects. Half of the texts change at 750; at 500 they loop."""
MARGIN_FRAMES: Final = 300
"""Silence kept after the audio, without which the end loops."""
STEP_FRAMES: Final = 100
"""What is encoded is a multiple of it: for each length that ever came, oneDNN keeps kernels of a megabyte or so."""
REST_S: Final = 3.0
"""Audio left after the last word that is worth another pass: Whisper may stop at a long pause."""
NO_SPEECH: Final = 0.6
"""Probability of the no-speech token above which a text has to be sure of itself; speech reaches it at times."""
SURE: Final = -0.5
"""Mean log probability of a token from which on it is."""
UNSURE: Final = -0.9
"""Mean log probability below which interim text is left out: breath gives "I'm..." and "You" with less."""
LOOPING: Final = 2.4
"""Whisper's own bound: text that compresses better repeats itself."""
PROMPT_TOKENS: Final = 100
"""Of prompt and of hotwords each: together with `_most_tokens` they have to fit into the decoder's 448."""


_NOTHING: Final = np.zeros(160, np.float32)


@dataclass(frozen=True, slots=True)
class FirstPass:
    """What a batch gave for one window: takes the place of the encoded window in faster-whisper's own passes."""

    decoded: tuple[ctranslate2.models.WhisperGenerationResult, float, float, float]
    """The text, its mean log probability, the temperature, and how well it compresses."""
    aligned: list[dict[str, Any]]
    """Its words; empty where no times are wanted."""


class Whisper(WhisperModel):  # type: ignore[misc]
    """Weights that several threads share."""

    def encode(self, features: npt.NDArray[np.float32], least: int = LEAST_FRAMES) -> ctranslate2.StorageView:
        """Encode without most of the padding to 30 s, which costs as much as speech does.

        `features` has shape (mels, 3000); faster-whisper pads it with columns of zeros, which audio never gives. What
        is encoded has `least` frames or more.
        """
        used = int(np.flatnonzero(features.any(axis=0))[-1]) + 1 if features.any() else 0
        frames = min(FRAMES, max(least, -(-(used + MARGIN_FRAMES) // STEP_FRAMES) * STEP_FRAMES))
        return super().encode(np.ascontiguousarray(features[:, :frames]))

    def recognize(
        self,
        samples: Samples,
        *,
        language: str | None,
        prompt: str = "",
        hotwords: str = "",
        beam_size: int = 5,
        word_timestamps: bool = True,
    ) -> Iterator[tuple[Segment, str]]:
        """What is said in `samples` (16 kHz), each part with the language, both named as Whisper does.

        With word timestamps, Whisper's own timestamps are left out: alignment gives better ones, and they end most
        windows early, which costs a second pass. A part then is what one pass gives.
        """
        how = self._how(len(samples), language, prompt, hotwords, beam_size, word_timestamps)
        segments, info = self.transcribe(samples, **how)
        for segment in _kept(segments, len(samples), word_timestamps):
            yield segment, info.language

    def recognize_together(
        self,
        windows: Sequence[Samples],
        *,
        language: str | None,
        prompt: str = "",
        hotwords: str = "",
        beam_size: int = 5,
        word_timestamps: bool = True,
    ) -> list[Iterable[Segment]]:
        """What `recognize` gives for each of `windows`, the first pass over all of them in one call.

        Each is encoded as 30 s, so that its text does not depend on which others it comes with. `language` is None only
        where the model knows but one. Further passes, and a text that is longer than its window allows, are for one
        window alone, when its segments are asked for.
        """
        spoken = language or "en"
        tokenizer = Tokenizer(self.hf_tokenizer, self.model.is_multilingual, task="transcribe", language=spoken)
        asked = [self._how(len(w), spoken, prompt, hotwords, beam_size, word_timestamps) for w in windows]
        options = [self.transcribe(_NOTHING, **how)[1].transcription_options for how in asked]
        features = [self.feature_extractor(samples) for samples in windows]
        passes = self._first_passes(features, tokenizer, options)
        given = zip(windows, features, options, passes, strict=True)
        return [
            _kept(self.generate_segments(mels, tokenizer, how, False, first), len(samples), word_timestamps)
            for samples, mels, how, first in given
        ]

    def _first_passes(
        self, features: Sequence[npt.NDArray[np.float32]], tokenizer: Tokenizer, options: Sequence[TranscriptionOptions]
    ) -> list[FirstPass | None]:
        """One for each window: `features` have shape (mels, frames + 1). None: it has to be made alone."""
        how, frames = options[0], [min(FRAMES, f.shape[1] - 1) for f in features]
        encoded = super().encode(np.stack([pad_or_trim(f[:, :n]) for f, n in zip(features, frames, strict=True)]))
        before = self.get_prompt(
            tokenizer, how.initial_prompt or [], without_timestamps=how.without_timestamps, hotwords=how.hotwords
        )
        results = self.model.generate(
            encoded,
            [before] * len(features),
            beam_size=how.beam_size,
            max_length=len(before) + max(o.max_new_tokens for o in options),
            suppress_tokens=how.suppress_tokens,
            return_scores=True,
            return_no_speech_prob=True,
        )
        texts = [[token for token in r.sequences_ids[0] if token < tokenizer.eot] for r in results]
        aligned = (
            super().find_alignment(tokenizer, texts, encoded, frames) if how.word_timestamps else [[]] * len(texts)
        )
        return [
            FirstPass(_decoded(result, tokenizer), words) if len(result.sequences_ids[0]) <= o.max_new_tokens else None
            for result, words, o in zip(results, aligned, options, strict=True)
        ]

    def generate_with_fallback(self, encoder_output: Any, *how: Any) -> Any:
        """What was decoded in a batch, or else decode."""
        if isinstance(encoder_output, FirstPass):
            return encoder_output.decoded
        return super().generate_with_fallback(encoder_output, *how)

    def find_alignment(self, tokenizer: Any, text_tokens: Any, encoder_output: Any, *how: Any) -> Any:
        """What was aligned in a batch, or else align."""
        if isinstance(encoder_output, FirstPass):
            return [encoder_output.aligned]
        return super().find_alignment(tokenizer, text_tokens, encoder_output, *how)

    def _how(
        self, samples: int, language: str | None, prompt: str, hotwords: str, beam_size: int, word_timestamps: bool
    ) -> dict[str, Any]:
        """What faster-whisper is told for a window of so many samples."""
        return {
            "language": language,
            "beam_size": beam_size,
            "temperature": 0.0,
            "condition_on_previous_text": False,
            "initial_prompt": self._first_tokens(prompt) or None,
            "hotwords": self.hf_tokenizer.decode(self._first_tokens(hotwords)) or None,
            "without_timestamps": word_timestamps,
            "word_timestamps": word_timestamps,
            "max_new_tokens": _most_tokens(samples / SAMPLE_RATE),
            "no_speech_threshold": NO_SPEECH,
            "log_prob_threshold": SURE,
        }

    def recognize_so_far(
        self, samples: Samples, *, language: str | None, prompt: str = "", hotwords: str = ""
    ) -> tuple[str, str] | None:
        """What the beginning of speech says, at most 30 s of 16 kHz, and Whisper's token for the language.

        One greedy pass, without times, over a shorter encoder: a good half of the work. None where it is not sure.
        """
        encoded = self.encode(pad_or_trim(self.feature_extractor(samples)[:, :-1]), LEAST_INTERIM_FRAMES)
        if language is None:
            language = self.model.detect_language(encoded)[0][0][0][2:-2] if self.model.is_multilingual else "en"
        tokenizer = Tokenizer(self.hf_tokenizer, self.model.is_multilingual, task="transcribe", language=language)
        before = self.get_prompt(
            tokenizer,
            self._first_tokens(prompt),
            without_timestamps=True,
            hotwords=self.hf_tokenizer.decode(self._first_tokens(hotwords)),
        )
        [result] = self.model.generate(
            encoded,
            [before],
            beam_size=1,
            max_length=len(before) + _most_tokens(len(samples) / SAMPLE_RATE),
            suppress_tokens=get_suppressed_tokens(tokenizer, [-1]),
            return_scores=True,
            return_no_speech_prob=True,
        )
        [tokens], [score] = result.sequences_ids, result.scores
        text = tokenizer.decode(tokens).strip().removesuffix("...")
        likely = score * len(tokens) / (len(tokens) + 1)  # the mean, the end token included, as faster-whisper has it
        is_sure = likely >= (SURE if result.no_speech_prob > NO_SPEECH else UNSURE)
        return (text, language) if is_sure and get_compression_ratio(text) <= LOOPING and _has_words(text) else None

    def language_of(self, samples: Samples) -> tuple[str, float]:
        """Whisper's token for the language of `samples`, and its probability."""
        language, probability, _ = self.detect_language(samples)
        return language, probability

    def unload(self) -> None:
        """Free the weights, and hand their memory back to the system: glibc keeps most of it otherwise."""
        self.model.unload_model()
        give_memory_back()

    def _first_tokens(self, text: str) -> list[int]:
        tokens: list[int] = self.hf_tokenizer.encode(" " + text.strip(), add_special_tokens=False).ids if text else []
        return tokens[:PROMPT_TOKENS]


def load(folder: str, *, device: str, compute_type: str, **how: Any) -> Whisper:
    """Load converted weights. Raises what CTranslate2 and tokenizers raise."""
    if device == "auto":
        device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
    if compute_type == "auto":
        compute_type = _best_type(device)
    # OpenBLAS's threads spin for 0.1 s after each spectrogram, which takes a core from who has work to do.
    threadpoolctl.threadpool_limits(1, user_api="blas")
    whisper = Whisper(folder, device=device, compute_type=compute_type, local_files_only=True, **how)
    if device == "cuda":
        # CUDA's libraries are opened at the first call: when one is missing, that has to show here.
        for _ in whisper.recognize(np.zeros(SAMPLE_RATE, np.float32), language="en"):
            pass
    return whisper


def _best_type(device: str) -> str:
    supported = ctranslate2.get_supported_compute_types(device)
    wanted = ("float16", "int8") if device == "cuda" else ("int8",)
    return next((name for name in wanted if name in supported), "float32")


def _kept(segments: Iterable[Segment], samples: int, word_timestamps: bool) -> Iterator[Segment]:
    """Those of a window of so many samples that are speech, up to where it ends."""
    duration = samples / SAMPLE_RATE
    for segment in segments:
        if segment.no_speech_prob <= NO_SPEECH or segment.compression_ratio <= LOOPING:
            yield segment
        if word_timestamps and (not segment.words or duration - segment.words[-1].end < REST_S):
            return


def _decoded(
    result: ctranslate2.models.WhisperGenerationResult, tokenizer: Tokenizer
) -> tuple[ctranslate2.models.WhisperGenerationResult, float, float, float]:
    tokens = result.sequences_ids[0]
    likely = result.scores[0] * len(tokens) / (len(tokens) + 1)  # the mean, the end token included
    return result, likely, 0.0, get_compression_ratio(tokenizer.decode(tokens).strip())


def _has_words(text: str) -> bool:
    return any(map(str.isalnum, text))


def _most_tokens(duration: float) -> int:
    """A bound for what can be said in that time, so that a loop ends. Fast speech has about ten tokens a second."""
    return min(220, 30 + round(15 * duration))
