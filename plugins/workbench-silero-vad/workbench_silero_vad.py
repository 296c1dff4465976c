"""Silero VAD as a workbench engine: one set of weights, a frame of each of many streams in one run."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from pydantic import Field

import workbench
import workbench_silero_package as package
from workbench import Activity, AudioChunk, EngineError, Samples
from workbench.models import Model, locate, present
from workbench_silero_runtimes import FRAMES, Networks, memory_size, rewritten, sequence, stepwise, torchscript

ROWS: Final = 256
"""Frames in one run, at most, unless more streams than that are ready: the working set stays in the CPU's cache."""

_AS_THEY_ARE: Final = {
    "onnx": ((stepwise, "silero_vad.onnx"), (sequence, package.SEQUENCE)),
    "torch": ((torchscript, "silero_vad.jit"),),
}
"""How the models in a package of unknown weights are run. Where two take a rate, the later is faster."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Stream:
    """What the detector remembers of one stream."""

    sample_rate: int = 0
    """Hertz of its audio; 0: none has come."""
    memory: bytes = b""
    """What the network remembers; floats. Empty: it has heard nothing."""
    rest: bytes = b""
    """What there is of the next frame; floats."""
    start: float = 0.0
    """Of the next frame's first sample, once one is in `rest`; seconds on the timeline."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What comes of chunks of some streams that complete as many frames each, before any of these has changed."""

    rate: int
    count: int
    """Frames."""
    places: list[int]
    """Of the streams among the items of the call."""
    octets: list[bytes]
    """The samples of each: what was left of the last chunk, and this one."""
    probabilities: Samples
    """(stream, frame)"""
    memory: bytes
    """Of all, one after the other."""


Work: TypeAlias = Sequence[tuple[AudioChunk, Stream]]


class Silero(workbench.Detector[Stream], workbench.BatchEngine[AudioChunk, Activity, Stream]):
    """Silero VAD v6, 16 or 8 kHz, one probability for 32 ms."""

    name = "silero"
    sample_rates = tuple(FRAMES)
    max_batch = 128

    class Options(workbench.Options):
        backend: Literal["onnx", "torch"] = "onnx"
        """onnx: all streams in one run, without torch. torch: the package's own model, stream by stream."""
        concurrency: int = Field(default=1, ge=1, le=64)
        """Runs at once, on one set of weights. One takes a thousand live streams; more for several files at a time."""

    @classmethod
    def resolve(cls, options: Options, settings: workbench.Settings) -> Options:
        model = package.model(options.backend)
        if not present(model):
            raise package.missing(options.backend, f"{model.files[0]} is not installed")
        if options.backend == "torch" and importlib.util.find_spec("torch") is None:
            raise package.missing(options.backend, "torch is not installed")
        return options

    @classmethod
    def models(cls) -> Sequence[Model]:
        return tuple(map(package.model, package.FILES))

    def __init__(self, options: Options) -> None:
        self.concurrency = options.concurrency
        try:
            self._networks = _load(options.backend)
        except ImportError as error:
            raise package.missing(options.backend, str(error)) from error

    def open(self, settings: workbench.Settings) -> Stream:
        return Stream()

    def process_batch(self, work: Work) -> list[Iterable[Activity]]:
        rates = {(chunk.sample_rate, state.sample_rate) for chunk, state in work}
        for rate, before in rates:
            if rate not in self._networks:
                raise ValueError(f"silero takes {' or '.join(map(str, self._networks))} Hz audio, not {rate} Hz")
            if before not in (rate, 0):
                raise ValueError(f"a stream of {before} Hz audio cannot go on at {rate} Hz")
        heard = [self._hear(work, rate, count, places) for (rate, count), places in _alike(work).items()]
        results: list[Iterable[Activity]] = [()] * len(work)
        for streams in heard:  # nothing has failed: only now may the states change
            _advance(work, streams, results)
        return results

    def flush(self, state: Stream) -> Iterable[Activity]:
        """The probability of an incomplete last frame, filled up with silence."""
        rate = state.sample_rate
        pending = len(state.rest) // 4
        if not pending:
            return ()
        silence = np.zeros(FRAMES[rate] - pending, np.float32)
        return self.process(AudioChunk(silence, rate, state.start + pending / rate), state)

    def close(self) -> None:
        del self._networks

    def _hear(self, work: Work, rate: int, count: int, places: list[int]) -> _Heard:
        """In as few calls into numpy as there can be: it lets go of the interpreter in each."""
        octets = [work[i][1].rest + np.asarray(work[i][0].samples, np.float32).tobytes() for i in places]
        memory, probabilities = b"", np.empty((len(places), 0), np.float32)
        if count:
            end, silence = 4 * count * FRAMES[rate], bytes(4 * memory_size(rate))
            samples = np.frombuffer(b"".join([one[:end] for one in octets]), np.float32)
            before = np.frombuffer(b"".join([work[i][1].memory or silence for i in places]), np.float32)
            rows = len(places)
            probabilities, after = self._run(rate, samples.reshape(rows, -1), before.reshape(rows, -1))
            memory = after.tobytes()
        return _Heard(rate, count, places, octets, probabilities, memory)

    def _run(self, rate: int, samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        """As a `Network`, in runs of as many frames as the cache has room for."""
        network, length = self._networks[rate], FRAMES[rate] * max(1, ROWS // len(samples))
        if samples.shape[1] <= length:
            return network(samples, memory)
        parts = []
        for first in range(0, samples.shape[1], length):
            part, memory = network(samples[:, first : first + length], memory)
            parts.append(part)
        return np.concatenate(parts, axis=1), memory


def _alike(work: Work) -> dict[tuple[int, int], list[int]]:
    """Places in `work` of streams with one sample rate that complete as many frames, by both."""
    found: dict[tuple[int, int], list[int]] = {}
    for i, (chunk, state) in enumerate(work):
        count = (len(chunk.samples) + len(state.rest) // 4) // FRAMES[chunk.sample_rate]
        found.setdefault((chunk.sample_rate, count), []).append(i)
    return found


def _advance(work: Work, heard: _Heard, results: list[Iterable[Activity]]) -> None:
    """Move each stream on to where its next chunk starts, and set its result."""
    rate, count, frame, memory = heard.rate, heard.count, FRAMES[heard.rate], heard.memory
    frame_s, size, end = frame / rate, len(memory) // len(heard.places), 4 * count * frame
    streams = zip(heard.places, heard.octets, heard.probabilities, strict=True)
    for row, (i, octets, probabilities) in enumerate(streams):
        chunk, state = work[i]
        pending = len(state.rest) // 4
        if not pending:
            state.start = chunk.start
        if count:
            results[i] = (Activity(state.start, frame_s, probabilities),)
            state.start = chunk.start + (count * frame - pending) / rate
            state.memory = memory[row * size : (row + 1) * size]
        state.sample_rate, state.rest = rate, octets[end:]


def _load(backend: str) -> Networks:
    """Weights with the known hash; else what a release of the package that is not known brings, run as it is."""
    model = package.model(backend)
    try:
        weights = (locate(model) / model.files[0]).read_bytes()
    except EngineError:
        if networks := _unknown(backend):
            known = " or ".join(requirement for requirement, _ in package.PACKAGES)
            what = "this release of its weights is not known here, so its own model is used, which is slower"
            _log.warning("silero VAD: %s (known: %s)", what, known)
            return networks
        raise
    return rewritten(weights) if backend == "onnx" else torchscript(weights)


def _unknown(backend: str) -> Networks:
    """The package's own models, as far as its record of hashes vouches for them, once they were seen to work."""
    models = [(load, model) for load, name in _AS_THEY_ARE[backend] if (model := package.recorded(name))]
    try:
        networks = {rate: network for load, model in models for rate, network in load(model).items()}
        for rate, network in networks.items():
            network(np.zeros((1, FRAMES[rate]), np.float32), np.zeros((1, memory_size(rate)), np.float32))
    except ImportError:
        raise
    except Exception as error:
        what, hint = "this release of its weights is not known here, and does not run", package.PACKAGES[0][0]
        raise EngineError(f"silero VAD: {what}: {error}", hint=f"pip install {hint}") from error
    return networks


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Silero)
