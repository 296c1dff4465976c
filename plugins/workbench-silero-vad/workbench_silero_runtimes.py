"""What runs the networks: the rewritten ones, the package's own as they are, and its TorchScript model.

All are loaded from bytes, remember nothing, and may be called from several threads at once.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, Final, Protocol, TypeAlias

import numpy as np

from workbench import Samples

FRAMES: Final = {16_000: 512, 8_000: 256}
"""Samples for which the network gives one probability, by sample rate; it sees an eighth as many before them again."""

_STATE: Final = 2 * 128
"""Floats in the LSTM's h and c."""


class Network(Protocol):
    """A loaded network: what a stream needs goes in and out."""

    def __call__(self, samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        """Samples (B, T * frame), not to be written to, and memory (B, 256 + context) to probabilities (B, T) and the
        next memory: 256 floats of the LSTM, and the last samples of these."""


Networks: TypeAlias = Mapping[int, Network]
"""By sample rate."""


def memory_size(sample_rate: int) -> int:
    """Floats that are remembered of a stream."""
    return _STATE + FRAMES[sample_rate] // 8


def rewritten(weights: bytes) -> Networks:
    """The package's weights in graphs of our own."""
    return {rate: _rewritten(weights, frame) for rate, frame in FRAMES.items()}


def _rewritten(weights: bytes, frame: int) -> Network:
    from workbench_silero_network import network

    session = _session(network(weights, frame))

    def run(samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, memory = session.run(None, {"samples": samples, "memory": memory})
        return probabilities, memory

    return run


def stepwise(model: bytes) -> Networks:
    """The package's `silero_vad.onnx` as it is: one frame of all streams after the other."""
    session = _session(model)
    return {rate: _stepwise(session, rate) for rate in FRAMES}


def _stepwise(session: Any, sample_rate: int) -> Network:
    rate = np.array(sample_rate, np.int64)

    def run(samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        frames, state = _frames(samples, memory), memory[:, :_STATE].reshape(-1, 2, 128).swapaxes(0, 1).copy()
        probabilities = np.empty(frames.shape[:2], np.float32)
        for column in range(frames.shape[1]):
            made, state = session.run(None, {"input": frames[:, column].copy(), "state": state, "sr": rate})
            probabilities[:, column] = made[:, 0]
        return probabilities, _memory(state.swapaxes(0, 1), samples, memory)

    return run


def sequence(model: bytes) -> Networks:
    """The package's sequence model as it is: all frames of one stream after the other. 16 kHz only."""
    session = _session(model)

    def run(samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        frames, states = _frames(samples, memory), memory[:, :_STATE].reshape(-1, 2, 1, 1, 128).copy()
        probabilities = np.empty(frames.shape[:2], np.float32)
        for row, (frame, (h, c)) in enumerate(zip(frames, states, strict=True)):
            probabilities[row], *states[row] = session.run(None, {"input": frame, "h": h, "c": c})
        return probabilities, _memory(states, samples, memory)

    return {16_000: run}


def torchscript(model: bytes) -> Networks:
    """The networks inside the package's TorchScript model, which keeps one stream's state around them."""
    import torch

    jit: Any = torch.jit
    loaded = jit.load(io.BytesIO(model), map_location="cpu").eval()
    return {16_000: _torchscript(loaded._model), 8_000: _torchscript(loaded._model_8k)}


def _torchscript(model: Any) -> Network:
    import torch

    def run(samples: Samples, memory: Samples) -> tuple[Samples, Samples]:
        frames, states = _frames(samples, memory), memory[:, :_STATE].reshape(-1, 2, 1, 128).copy()
        probabilities = np.empty(frames.shape[:2], np.float32)
        with torch.inference_mode():
            for row, stream in enumerate(torch.from_numpy(frames)):
                state = torch.from_numpy(states[row])
                for column, frame in enumerate(stream):
                    probability, state = model.forward(frame[None], state)
                    probabilities[row, column] = probability.item()
                states[row] = state.numpy()
        return probabilities, _memory(states, samples, memory)

    return run


def _frames(samples: Samples, memory: Samples) -> Samples:
    """(B, T, context + frame): each frame, after the samples before it."""
    context = memory.shape[1] - _STATE
    padded = np.concatenate([memory[:, _STATE:], samples], axis=1)
    return np.lib.stride_tricks.sliding_window_view(padded, context * 9, axis=1)[:, :: context * 8].copy()


def _memory(states: Samples, samples: Samples, memory: Samples) -> Samples:
    """The next, from states (B, 2, ...) of the LSTM."""
    context = memory.shape[1] - _STATE
    return np.concatenate([states.reshape(-1, _STATE), samples[:, -context:]], axis=1)


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
