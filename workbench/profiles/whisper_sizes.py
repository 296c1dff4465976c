"""What each size of Whisper needs, so that a plan can be checked against memory before anything is loaded.

First guesses on the safe side. They stand on the size of the float16 weights, on peaks that were published for
faster-whisper with beam 5 (VRAM: large-v3 4521 MB in float16 and 2953 in int8, large-v3-turbo 2537 and 1545; RAM:
small in int8 1477 MB) and on peaks measured on a CPU (base in int8 365 MB, tiny 285 MB).
"""

from __future__ import annotations

from dataclasses import dataclass

WEIGHT_FACTORS = {"float16": 1.0, "int8_float16": 0.55, "int8": 0.55, "float32": 2.0}
"""Size of the weights in memory, relative to float16."""
CPU_OVERHEAD_MB = 400
"""RAM of the process without a model: Python, libraries, audio at hand."""
GPU_OVERHEAD_MB = 1000
"""VRAM of a CUDA context with its cuBLAS and cuDNN work spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhisperSize:
    name: str
    weights_mb: int
    """In float16."""
    cpu_call_mb: int
    """RAM that one more call at once takes."""
    gpu_call_mb: int
    """VRAM that one more window in work takes: of another call, or in the same batch."""
    cpu_cores: int
    """From how many cores on it keeps up with speech comfortably without a GPU."""

    def ram_mb(self, compute_type: str, calls: int) -> int:
        return CPU_OVERHEAD_MB + self._weights(compute_type) + calls * self.cpu_call_mb

    def vram_mb(self, compute_type: str, calls: int) -> int:
        return GPU_OVERHEAD_MB + self._weights(compute_type) + calls * self.gpu_call_mb

    def host_mb(self, instances: int) -> int:
        """RAM beside the GPUs: the weights pass through it, one instance after the other."""
        return CPU_OVERHEAD_MB * (1 + instances) + self.weights_mb

    def _weights(self, compute_type: str) -> int:
        return round(self.weights_mb * WEIGHT_FACTORS[compute_type])


SIZES = (
    WhisperSize(name="large-v3", weights_mb=3090, cpu_call_mb=2400, gpu_call_mb=500, cpu_cores=32),
    WhisperSize(name="large-v3-turbo", weights_mb=1620, cpu_call_mb=1200, gpu_call_mb=250, cpu_cores=12),
    WhisperSize(name="medium", weights_mb=1530, cpu_call_mb=1400, gpu_call_mb=250, cpu_cores=8),
    WhisperSize(name="small", weights_mb=485, cpu_call_mb=850, gpu_call_mb=150, cpu_cores=4),
    WhisperSize(name="base", weights_mb=145, cpu_call_mb=250, gpu_call_mb=90, cpu_cores=2),
    WhisperSize(name="tiny", weights_mb=75, cpu_call_mb=150, gpu_call_mb=60, cpu_cores=1),
)
"""Best first."""
