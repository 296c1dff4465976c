"""Silero VAD as a workbench engine: one set of weights, a frame of each of many streams in one run."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

import numpy as np
from pydantic import Field

import workbench
import workbench_silero_package as package
from workbench import Activity, AudioChunk, EngineError, Samples
from workbench.models import Model, locate, present
from workbench_silero_runtimes import FRAMES, Networks, rewritten, sequence, stepwise, torchscript

ROWS: Final = 256
"""Frames in one run, at most, unless more streams than that are ready: the working set stays in the CPU's cache."""

_MEMORY: Final = 2 * 128 * 4
"""Bytes."""

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
    memory: bytes = bytes(_MEMORY)
    """The LSTM's h and c, 128 floats each."""
    rest: bytes = b""
    """Once audio has come: the last context, and what there is of the next frame; floats."""
    start: float = 0.0
    """Of the next frame's first sample, once one is in `rest`; seconds on the timeline."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """What comes of chunks of some streams, before any of these has changed."""

    rate: int
    places: list[int]
    """Of the streams among the items of the call; the most complete frames first."""
    counts: list[int]
    """Complete frames of each."""
    octets: bytes
    """The samples of each, one after the other: what was left of the last chunk, and this one."""
    starts: list[int]
    """Where the samples of each begin, and where all end."""
    probabilities: Samples
    """(frame, stream); what lies beyond a stream's frames is unset."""
    memory: Samples
    """(stream, 2, 128)"""


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
        heard = [self._hear(work, rate) for rate in dict(rates)]
        results: list[Iterable[Activity]] = [()] * len(work)
        for streams in heard:  # nothing has failed: only now may the states change
            _advance(work, streams, results)
        return results

    def flush(self, state: Stream) -> Iterable[Activity]:
        """The probability of an incomplete last frame, filled up with silence."""
        rate = state.sample_rate
        pending = len(state.rest) // 4 - FRAMES[rate] // 8 if rate else 0
        if not pending:
            return ()
        silence = np.zeros(FRAMES[rate] - pending, np.float32)
        return self.process(AudioChunk(silence, rate, state.start + pending / rate), state)

    def close(self) -> None:
        del self._networks

    def _hear(self, work: Work, rate: int) -> _Heard:
        """Those of `work` with that rate, as one array: live, calls into numpy for each stream would cost the most."""
        frame, context = FRAMES[rate], FRAMES[rate] // 8
        counts = {
            i: (len(chunk.samples) + max(0, len(state.rest) // 4 - context)) // frame
            for i, (chunk, state) in enumerate(work)
            if chunk.sample_rate == rate
        }
        places = sorted(counts, key=counts.__getitem__, reverse=True)
        silence = bytes(4 * context)
        parts, starts = list[bytes | memoryview](), [0]
        for chunk, state in map(work.__getitem__, places):
            rest, samples = state.rest or silence, np.ascontiguousarray(chunk.samples, np.float32)
            parts += rest, samples.data
            starts.append(starts[-1] + len(rest) // 4 + len(samples))
        memory = bytearray().join([work[i][1].memory for i in places])
        heard = _Heard(
            rate,
            places,
            [counts[i] for i in places],
            b"".join(parts),  # unlike numpy's, this does not let go of the interpreter for each of them
            starts,
            np.empty((counts[places[0]], len(places)), np.float32),
            np.frombuffer(memory, np.float32).reshape(-1, 2, 128),
        )
        self._run(heard)
        return heard

    def _run(self, heard: _Heard) -> None:
        """Put in the probabilities and move the memory on."""
        network, frame, width = self._networks[heard.rate], FRAMES[heard.rate], FRAMES[heard.rate] * 9 // 8
        samples, counts, memory = np.frombuffer(heard.octets, np.float32), heard.counts, heard.memory
        if counts[-1] and len(samples) == len(counts) * width:  # one frame of each, and they lie as they are needed
            heard.probabilities[:], memory[:] = network(samples.reshape(1, -1, width), memory)
            return
        windows = np.ndarray((max(0, len(samples) - width + 1), width), np.float32, heard.octets, strides=(4, 4))
        done = 0
        while done < counts[0]:
            ready = sum(count > done for count in counts)
            until = min(counts[ready - 1], done + max(1, ROWS // ready))
            frames = windows[np.array(heard.starts[:ready]) + frame * np.arange(done, until)[:, None]]
            heard.probabilities[done:until, :ready], memory[:ready] = network(frames, memory[:ready])
            done = until


def _advance(work: Work, heard: _Heard, results: list[Iterable[Activity]]) -> None:
    """Move each stream on to where its next chunk starts, and set its result."""
    rate, frame = heard.rate, FRAMES[heard.rate]
    context, frame_s, octets, memory = frame // 8, frame / rate, heard.octets, heard.memory.tobytes()
    rows = zip(heard.places, heard.counts, pairwise(heard.starts), heard.probabilities.T, strict=True)
    for row, (i, count, (begin, end), probabilities) in enumerate(rows):
        chunk, state = work[i]
        pending = end - begin - context - len(chunk.samples)
        if not pending:
            state.start = chunk.start
        if count:
            own = probabilities if count == len(probabilities) else probabilities[:count]
            results[i] = (Activity(state.start, frame_s, own),)
            state.start = chunk.start + (count * frame - pending) / rate
            state.memory = memory[row * _MEMORY : (row + 1) * _MEMORY]
        state.sample_rate, state.rest = rate, octets[4 * (begin + count * frame) : 4 * end]


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
            network(np.zeros((1, 1, FRAMES[rate] * 9 // 8), np.float32), np.zeros((1, 2, 128), np.float32))
    except ImportError:
        raise
    except Exception as error:
        what, hint = "this release of its weights is not known here, and does not run", package.PACKAGES[0][0]
        raise EngineError(f"silero VAD: {what}: {error}", hint=f"pip install {hint}") from error
    return networks


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Silero)
