"""How busy this machine is: for panels that show it while the workbench runs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from workbench import paths

T = TypeVar("T")
_log = logging.getLogger(__name__)
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """None: this GPU does not tell."""

    name: str
    utilisation_percent: float | None
    memory_used: int | None
    """Bytes, of all processes."""
    memory_total: int | None
    """Bytes."""


@dataclass(frozen=True, slots=True)
class SystemLoad:
    """None: cannot be found out."""

    cpu_percent: float | None
    """[0, 100] of all CPUs of the machine, since the sample before."""
    process_cpu_percent: float | None
    """Of one core, since the sample before; more than 100 when several are busy."""
    memory_used: int | None
    """Bytes of RAM that nobody could get; in a container, of what it may use."""
    memory_total: int | None
    """Bytes of RAM; in a container, those it may use."""
    process_memory: int | None
    """Bytes of RAM that this process holds."""
    gpus: tuple[GpuLoad, ...]
    """NVIDIA's, as far as CUDA_VISIBLE_DEVICES leaves them visible."""
    disk_free: int | None
    """Bytes free where recordings are kept."""


class SystemMonitor:
    """Takes samples, in one thread at a time."""

    def __init__(self) -> None:
        """Looks for GPUs, which blocks for up to a second where there are some: call it in a thread."""
        self._failed: set[str] = set()
        self._times: tuple[float, float] | None = None
        self._gpus: Sequence[tuple[Any, Any, str]] = self._try(self._find_gpus) or ()
        self.sample()  # shares are counted from now on

    def sample(self) -> SystemLoad:
        """Blocks for a millisecond or two. Never raises."""
        memory = self._try(self._memory)
        return SystemLoad(
            cpu_percent=self._try(self._cpu_percent),
            process_cpu_percent=self._try(self._process_cpu_percent),
            memory_used=memory and memory[0],
            memory_total=memory and memory[1],
            process_memory=self._try(self._process_memory),
            gpus=tuple(self._gpu(nvml, handle, name) for nvml, handle, name in self._gpus),
            disk_free=self._try(self._disk_free),
        )

    def _try(self, probe: Callable[[], T]) -> T | None:
        """What `probe` finds. That it fails is logged once: it is called several times a second."""
        try:
            return probe()
        except Exception:
            name = getattr(probe, "__name__", "")
            if name not in self._failed:
                self._failed.add(name)
                _log.info("the probe %s failed", name, exc_info=True)
            return None

    def _cpu_percent(self) -> float | None:
        """Not psutil's own share: that one counts from the last call of the same thread."""
        import psutil

        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)  # in user and nice too
        before, self._times = self._times, (idle, total)
        if before is None or total <= before[1]:
            return None
        share = 1.0 - (idle - before[0]) / (total - before[1])
        return float(100.0 * min(max(share, 0.0), 1.0))  # the kernel's counters may run back a little

    @cached_property
    def _process(self) -> Any:
        import psutil

        return psutil.Process()

    def _process_cpu_percent(self) -> float:
        return float(self._process.cpu_percent())

    def _process_memory(self) -> int:
        return int(self._process.memory_info().rss)

    def _memory(self) -> tuple[int, int]:
        """(used, total)."""
        import psutil

        from workbench.profiles.limits import read_limits

        memory, limits = psutil.virtual_memory(), read_limits()
        if limits.memory_mb is None or limits.memory_free_mb is None or limits.memory_mb * _MIB >= memory.total:
            return memory.total - memory.available, memory.total
        free = min(memory.available, limits.memory_free_mb * _MIB)
        return limits.memory_mb * _MIB - free, limits.memory_mb * _MIB

    def _disk_free(self) -> int:
        from workbench.profiles.hardware import free_space

        return free_space(paths.data_dir())

    def _find_gpus(self) -> Sequence[tuple[Any, Any, str]]:
        """(NVML, handle, name) of each. NVML stays open until the process ends."""
        import pynvml

        from workbench.profiles.hardware import decoded, visible_gpus

        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError_LibraryNotFound:
            return ()
        return [(pynvml, gpu, decoded(pynvml.nvmlDeviceGetName(gpu))) for gpu in visible_gpus(pynvml)]

    def _gpu(self, nvml: Any, handle: Any, name: str) -> GpuLoad:
        def gpu_utilisation() -> float:
            return float(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)

        def gpu_memory() -> Any:
            return nvml.nvmlDeviceGetMemoryInfo(handle)

        memory = self._try(gpu_memory)
        return GpuLoad(
            name=name,
            utilisation_percent=self._try(gpu_utilisation),
            memory_used=memory and int(memory.used),
            memory_total=memory and int(memory.total),
        )
