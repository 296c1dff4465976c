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


class Network(Protocol):
    """A loaded network: what a stream needs goes in and out."""

    def __call__(self, frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        """Frames (T, B, context + frame), not to be written to, and memory (B, 2, 128) to probabilities (T, B) and the
        next memory."""


Networks: TypeAlias = Mapping[int, Network]
"""By sample rate."""


def rewritten(weights: bytes) -> Networks:
    """The package's weights in graphs of our own."""
    return {rate: _rewritten(weights, frame) for rate, frame in FRAMES.items()}


def _rewritten(weights: bytes, frame: int) -> Network:
    from workbench_silero_network import network

    session = _session(network(weights, frame))

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        h, c = memory[None, :, 0], memory[None, :, 1]
        probabilities, h, c = session.run(None, {"frames": frames, "h": h, "c": c})
        after = np.empty(memory.shape, np.float32)
        after[:, 0], after[:, 1] = h[0], c[0]
        return probabilities, after

    return run


def stepwise(model: bytes) -> Networks:
    """The package's `silero_vad.onnx` as it is: one frame of all streams after the other."""
    session = _session(model)
    return {rate: _stepwise(session, rate) for rate in FRAMES}


def _stepwise(session: Any, sample_rate: int) -> Network:
    rate = np.array(sample_rate, np.int64)

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, state = np.empty(frames.shape[:2], np.float32), memory.swapaxes(0, 1).copy()
        for row, frame in enumerate(frames):
            made, state = session.run(None, {"input": frame, "state": state, "sr": rate})
            probabilities[row] = made[:, 0]
        return probabilities, state.swapaxes(0, 1)

    return run


def sequence(model: bytes) -> Networks:
    """The package's sequence model as it is: all frames of one stream after the other. 16 kHz only."""
    session = _session(model)

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, memory = np.empty(frames.shape[:2], np.float32), memory.copy()
        for column in range(frames.shape[1]):
            h, c = memory[column, :, None, None].copy()
            probabilities[:, column], h, c = session.run(None, {"input": frames[:, column].copy(), "h": h, "c": c})
            memory[column] = h[0, 0], c[0, 0]
        return probabilities, memory

    return {16_000: run}


def torchscript(model: bytes) -> Networks:
    """The networks inside the package's TorchScript model, which keeps one stream's state around them."""
    import torch

    jit: Any = torch.jit
    loaded = jit.load(io.BytesIO(model), map_location="cpu").eval()
    return {16_000: _torchscript(loaded._model), 8_000: _torchscript(loaded._model_8k)}


def _torchscript(model: Any) -> Network:
    import torch

    def run(frames: Samples, memory: Samples) -> tuple[Samples, Samples]:
        probabilities, memory = np.empty(frames.shape[:2], np.float32), memory.copy()
        with torch.inference_mode():
            for column in range(frames.shape[1]):
                state = torch.from_numpy(memory[column, :, None].copy())
                for row, frame in enumerate(torch.from_numpy(frames[:, column].copy())):
                    probability, state = model.forward(frame[None], state)
                    probabilities[row, column] = probability.item()
                memory[column] = state[:, 0].numpy()
        return probabilities, memory

    return run


def _session(model: bytes) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
