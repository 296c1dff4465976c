"""Silero VAD as a workbench engine: one set of weights, a frame of each of many streams in one run."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
from pydantic import Field

import workbench
import workbench_silero_package as package
from workbench import EngineError, Samples
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


class Silero(workbench.FrameDetector[bytes]):
    """Silero VAD v6, 16 or 8 kHz, one probability for 32 ms."""

    name = "silero"
    sample_rates = tuple(FRAMES)
    max_batch = 160

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
        self.sample_rates = tuple(rate for rate in FRAMES if rate in self._networks)

    def frame(self, sample_rate: int) -> int:
        return FRAMES[sample_rate]

    def judge(
        self, samples: Samples, sample_rate: int, memories: Sequence[bytes | None]
    ) -> tuple[Samples, Sequence[bytes]]:
        """What is remembered of a stream are the bytes of its row of a `Network`'s memory."""
        size = 4 * memory_size(sample_rate)
        before = np.frombuffer(b"".join([memory or bytes(size) for memory in memories]), np.float32)
        probabilities, after = self._run(sample_rate, samples, before.reshape(len(memories), -1))
        octets = after.tobytes()
        return probabilities, [octets[at : at + size] for at in range(0, len(octets), size)]

    def close(self) -> None:
        del self._networks

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
