"""What this machine has, as far as it matters for recognizing speech. Found quickly, and without torch."""

from __future__ import annotations

import ctypes
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from workbench import paths
from workbench.profiles.limits import MIB, Limits, allowed_cpus, read_limits

_log = logging.getLogger(__name__)
_GIB = 2**30
_FEATURES = (
    "sse4_1",
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "amx_int8",
    "neon",
    "asimd",
)
"""Those that inference libraries choose their kernels by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareInfo:
    """What was found; each default is the careful guess that stands when a probe fails. MB are MiB, GB GiB."""

    gpu_count: int = 0
    gpu_memory_mb: tuple[int, ...] = ()
    """One for each GPU, as all GPU tuples."""
    gpu_memory_free_mb: tuple[int, ...] = ()
    gpu_names: tuple[str, ...] = ()
    gpu_capability: tuple[float, ...] = ()
    """CUDA compute capability, as 8.9."""
    cuda_available: bool = False
    """There is a GPU, its driver answers, and CUDA's driver library loads."""
    driver: str = ""
    mps_available: bool = False
    cpu_name: str = ""
    cpu_cores: int = 1
    """Physical cores this process may use at once."""
    cpu_threads: int = 1
    cpu_features: tuple[str, ...] = ()
    memory_total_mb: int = 4096
    memory_available_mb: int = 2048
    temp_space_available_gb: int = 1
    data_space_available_gb: int = 1
    problems: tuple[str, ...] = ()
    """What could not be found out, and why."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


class CoreHardwareDetector:
    """Looks at this machine. Every probe may fail alone."""

    def detect(self) -> HardwareInfo:
        """Never raises: what fails is in `problems`, and the default stands in for it."""
        probes: tuple[tuple[str, Callable[[], dict[str, Any]]], ...] = (
            ("GPU", self._detect_gpu),
            ("CPU", self._detect_cpu),
            ("CPU features", self._detect_cpu_features),
            ("memory", self._detect_memory),
            ("temporary space", self._detect_temp_space),
            ("data space", self._detect_data_space),
        )
        found: dict[str, Any] = {}
        problems = []
        for name, probe in probes:
            try:
                found |= probe()
            except Exception as error:
                _log.info("the %s probe failed", name, exc_info=True)
                problems.append(f"{name}: {error or type(error).__name__}")
        return HardwareInfo(**found, problems=tuple(problems))

    def _detect_gpu(self) -> dict[str, Any]:
        """NVIDIA's GPUs that CUDA_VISIBLE_DEVICES leaves visible, and whether Apple's is there."""
        found: dict[str, Any] = {"mps_available": sys.platform == "darwin" and platform.machine() == "arm64"}
        if sys.platform == "darwin":
            return found
        import pynvml

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError_LibraryNotFound:
            return found
        try:
            return found | _describe_gpus(pynvml)
        finally:
            pynvml.nvmlShutdown()

    def _detect_cpu(self) -> dict[str, Any]:
        threads = psutil.cpu_count(logical=True) or os.cpu_count() or 1
        cores = psutil.cpu_count(logical=False) or threads
        threads = min(threads, len(allowed_cpus()) or threads)
        if (quota := self._limits().cpus) is not None:
            threads = min(threads, max(1, int(quota)))
        return {"cpu_cores": min(cores, threads), "cpu_threads": threads}

    def _detect_cpu_features(self) -> dict[str, Any]:
        name, flags = _cpu_description()
        return {"cpu_name": name, "cpu_features": tuple(f for f in _FEATURES if f in flags)}

    def _detect_memory(self) -> dict[str, Any]:
        memory, limits = psutil.virtual_memory(), self._limits()
        total, available = memory.total // MIB, memory.available // MIB
        if limits.memory_mb is not None and limits.memory_free_mb is not None:
            total, available = min(total, limits.memory_mb), min(available, limits.memory_free_mb)
        return {"memory_total_mb": total, "memory_available_mb": available}

    def _detect_temp_space(self) -> dict[str, Any]:
        return {"temp_space_available_gb": free_space_gb(Path(tempfile.gettempdir()))}

    def _detect_data_space(self) -> dict[str, Any]:
        return {"data_space_available_gb": free_space_gb(paths.data_dir())}

    def _limits(self) -> Limits:
        return read_limits()


def free_space(folder: Path) -> int:
    """Bytes free where `folder` is, or will be once it is made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def free_space_gb(folder: Path) -> int:
    """The same in GiB."""
    return free_space(folder) // _GIB


def _describe_gpus(nvml: Any) -> dict[str, Any]:
    handles = list(visible_gpus(nvml))
    memory = [nvml.nvmlDeviceGetMemoryInfo(handle) for handle in handles]
    return {
        "gpu_count": len(handles),
        "gpu_memory_mb": tuple(m.total // MIB for m in memory),
        "gpu_memory_free_mb": tuple(m.free // MIB for m in memory),
        "gpu_names": tuple(decoded(nvml.nvmlDeviceGetName(handle)) for handle in handles),
        "gpu_capability": tuple(_capability(nvml, handle) for handle in handles),
        "driver": decoded(nvml.nvmlSystemGetDriverVersion()),
        "cuda_available": bool(handles) and _cuda_loads(),
    }


def visible_gpus(nvml: Any) -> Iterator[Any]:
    """CUDA takes the devices of CUDA_VISIBLE_DEVICES, numbers or UUIDs, up to the first it does not know."""
    count = nvml.nvmlDeviceGetCount()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    for name in visible.split(",") if visible is not None else map(str, range(count)):
        name = name.strip()
        if name.startswith(("GPU-", "MIG-")):
            yield nvml.nvmlDeviceGetHandleByUUID(name)
        elif name.isdecimal() and int(name) < count:
            yield nvml.nvmlDeviceGetHandleByIndex(int(name))
        else:
            return


def _capability(nvml: Any, handle: Any) -> float:
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(handle)
    return float(f"{major}.{minor}")


def _cuda_loads() -> bool:
    try:
        ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return False
    return True


def decoded(text: str | bytes) -> str:
    """NVML gives the one or the other, by its version."""
    return text.decode() if isinstance(text, bytes) else text


def _cpu_description() -> tuple[str, frozenset[str]]:
    """(name, features by Linux's names)."""
    if sys.platform == "darwin":
        keys = ("machdep.cpu.brand_string", "machdep.cpu.features", "machdep.cpu.leaf7_features")
        run = subprocess.run(["/usr/sbin/sysctl", "-i", *keys], capture_output=True, text=True, timeout=2, check=True)
        values = dict(line.split(": ", 1) for line in run.stdout.splitlines() if ": " in line)
        flags = " ".join(values.get(key, "") for key in keys[1:]).lower().replace(".", "_").replace("avx1_0", "avx")
        return values.get(keys[0], ""), frozenset(flags.split()) | (
            {"neon"} if platform.machine() == "arm64" else set()
        )
    if sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        numbers = {"sse4_1": 37, "sse4_2": 38, "avx": 39, "avx2": 40, "avx512f": 41, "neon": 19}
        return platform.processor(), frozenset(name for name, number in numbers.items() if present(number))
    values = {}
    for line in Path("/proc/cpuinfo").read_text().split("\n\n", 1)[0].splitlines():
        key, _, value = line.partition(":")
        values[key.strip()] = value.strip()
    flags = values.get("flags") or values.get("Features") or ""
    return values.get("model name") or platform.machine(), frozenset(flags.split())
