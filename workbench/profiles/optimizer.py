"""What suits this machine. Pure functions of the hardware: same machine, same plan; every value says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any, Final

from workbench.profiles import reasons
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.whisper_sizes import SIZES, WhisperSize

DEFAULT_ENGINES: Final[Mapping[str, str]] = MappingProxyType({"vad": "silero", "asr": "faster-whisper"})
"""Engine by stage kind, for a profile that the optimizer writes."""
_FLOAT16_CAPABILITY: Final = 7.0
_INT8_CAPABILITY: Final = 6.1
"""CUDA compute capability from which on CTranslate2 computes so."""
ENGINE_RAM_MB: Final[Mapping[str, int]] = MappingProxyType({"vad": 80, "translation": 300, "tts": 250})
"""RAM that an engine beside the recognizer takes, by stage kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The optimizer's own settings."""

    batch_size: int = 32
    vram_per_window_mb: int = 500
    """First guess of what one more window in a batch takes."""
    vram_per_call_mb: int = 2000
    """First guess of what one more call at once takes."""
    mapping_below_mb: int = 8000
    """With less RAM than this, files are mapped rather than read."""
    affinity_cores: int | None = None
    """None: not capped."""
    memory_share: float = 0.9
    """Share of what is free that a plan may fill."""
    gpu_windows: int = 4
    """How many windows must fit beside a model for it to be worth a GPU."""
    files_at_once: int = 8
    passing_files: int = 4
    """Files at once that are enough for short ones to pass a long one."""
    memory_per_file_mb: int = 500
    """First guess of the RAM that a file which is worked on takes beside the engines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run with. `reasons` has one sentence for each of the values."""

    batch_size: int
    """Windows in one call."""
    concurrency: int
    """Calls at once on one instance."""
    instances: int
    """Copies of the model: one for each GPU."""
    memory_mapping: bool
    cpu_affinity: tuple[int, ...]
    """Cores to bind to, where the profile asks for binding."""
    device: str
    """cpu or cuda."""
    model: str
    """The size of Whisper to recommend."""
    compute_type: str
    threads_per_call: int
    files_at_once: int
    """Jobs that are worked on at once."""
    reasons: Mapping[str, str]
    fits: bool = True
    """False: not even the smallest model fits the memory that is free."""

    @property
    def binds_cpu(self) -> bool:
        """Whether `cpu_affinity` is put to use: not where recognition itself wants all of the CPU."""
        return self.device != "cpu"

    def values(self) -> dict[str, Any]:
        """Plain JSON values, without the reasons."""
        values = asdict(self) | {"cpu_affinity": list(self.cpu_affinity)}
        del values["reasons"], values["fits"]
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """A model on a device, and how many windows can be in work there at once."""

    size: WhisperSize
    compute_type: str
    windows: int
    budget_mb: int
    """Of VRAM, or of RAM without a GPU."""
    vram_mb: int = 0
    """Free on each GPU."""
    instances: int = 1
    fits: bool = True

    @property
    def device(self) -> str:
        return "cuda" if self.vram_mb else "cpu"

    def need_mb(self, windows: int) -> int:
        estimate = self.size.vram_mb if self.vram_mb else self.size.ram_mb
        return estimate(self.compute_type, windows)


class CoreOptimizer:
    """Decides batch size, concurrency, memory mapping, CPU affinity, and with them model, precision and threads."""

    def __init__(self, caps: Caps | None = None) -> None:
        self.caps = caps or Caps()

    def get_optimal_batch_size(self, gpu_memory_mb: int) -> int:
        """Windows in one call, by VRAM alone; 1 without a GPU (0)."""
        return max(1, min(self.caps.batch_size, gpu_memory_mb // self.caps.vram_per_window_mb))

    def get_optimal_concurrency(self, cpu_cores: int, gpu_memory_mb: int) -> int:
        """Calls at once, by cores and VRAM alone; without a GPU (0) the cores decide."""
        calls = cpu_cores // 2
        if gpu_memory_mb > 0:
            calls = min(calls, gpu_memory_mb // self.caps.vram_per_call_mb)
        return max(1, calls)

    def get_optimal_files_at_once(self, calls: int, memory_total_mb: int) -> int:
        """Files worked on at once, where engines take so many `calls` at once; 2 at least.

        A file for each call, one that is being decoded, and one that is being written. Four at least where memory
        allows it: files have equal shares of the engines, so a long one leaves three quarters to those that pass it.
        """
        most = min(self.caps.files_at_once, memory_total_mb // self.caps.memory_per_file_mb)
        return max(2, min(max(calls + 2, self.caps.passing_files), most))

    def should_use_memory_mapping(self, memory_total_mb: int) -> bool:
        return memory_total_mb < self.caps.mapping_below_mb

    def get_cpu_affinity_cores(self, total_cores: int) -> list[int]:
        """The first half of the cores."""
        half = total_cores // 2
        return list(range(max(1, min(half, self.caps.affinity_cores or half))))

    def plan(self, hardware: HardwareInfo, engines: Mapping[str, str] = DEFAULT_ENGINES) -> Plan:
        """Plan for `engines`, by stage kind, on `hardware`.

        The plan fits the memory that is free. Where not even the smallest model does, the plan is for that one,
        and the reason of `model` says so.
        """
        cores = max(1, hardware.cpu_cores)
        ram = int(hardware.memory_available_mb * self.caps.memory_share)
        ram -= sum(mb for kind, mb in ENGINE_RAM_MB.items() if kind in engines)
        room = self._on_gpus(hardware, cores, ram) or self._on_cpu(cores, ram)
        first_batch = self.get_optimal_batch_size(room.vram_mb)
        first_concurrency = self.get_optimal_concurrency(cores // room.instances, room.vram_mb)
        batch, concurrency = _fit(first_batch, first_concurrency, room.windows)
        bound = self.get_cpu_affinity_cores(cores)
        threads_cores = len(bound) if room.device == "cuda" else cores
        calls = room.instances * concurrency
        threads = max(1, threads_cores // calls)
        files = self.get_optimal_files_at_once(calls, hardware.memory_total_mb)
        return Plan(
            batch_size=batch,
            concurrency=concurrency,
            instances=room.instances,
            memory_mapping=self.should_use_memory_mapping(hardware.memory_total_mb),
            cpu_affinity=tuple(bound),
            device=room.device,
            model=room.size.name,
            compute_type=room.compute_type,
            threads_per_call=threads,
            files_at_once=files,
            fits=room.fits,
            reasons={
                "batch_size": reasons.batch_size(batch, first_batch, room.vram_mb),
                "concurrency": reasons.concurrency(concurrency, first_concurrency, cores, room.vram_mb),
                "instances": reasons.instances(room.instances, hardware, room.device),
                "memory_mapping": reasons.memory_mapping(hardware, self.caps.mapping_below_mb),
                "cpu_affinity": reasons.cpu_affinity(cores, room.device),
                "device": reasons.device(hardware, room.device),
                "model": reasons.model(
                    room.need_mb(batch * concurrency), room.budget_mb, cores, room.device, room.fits
                ),
                "compute_type": reasons.compute_type(room.compute_type, room.device),
                "threads_per_call": reasons.threads_per_call(threads_cores, calls),
                "files_at_once": reasons.files_at_once(files, calls, hardware.memory_total_mb),
            },
        )

    def _on_gpus(self, hardware: HardwareInfo, cores: int, ram: int) -> _Room | None:
        """The best model with room for some windows, in the best precision it fits in; None: no model does."""
        gpus = _usable_gpus(hardware)
        if not gpus:
            return None
        vram, capability = min(mb for mb, _ in gpus), min(capability for _, capability in gpus)
        instances, budget = min(len(gpus), cores), int(vram * self.caps.memory_share)
        for size in SIZES:
            for compute_type in _gpu_compute_types(capability):
                windows = (budget - size.vram_mb(compute_type, 0)) // size.gpu_call_mb
                if windows >= self.caps.gpu_windows and size.host_mb(instances) <= ram:
                    return _Room(
                        size=size,
                        compute_type=compute_type,
                        windows=windows,
                        budget_mb=budget,
                        vram_mb=vram,
                        instances=instances,
                    )
        return None

    def _on_cpu(self, cores: int, ram: int) -> _Room:
        """The best model that keeps up on so many cores and fits; the smallest where none does."""
        for size in SIZES:
            windows = (ram - size.ram_mb("int8", 0)) // size.cpu_call_mb
            if windows >= 1 and cores >= size.cpu_cores:
                return _Room(size=size, compute_type="int8", windows=windows, budget_mb=ram)
        return _Room(size=SIZES[-1], compute_type="int8", windows=1, budget_mb=max(0, ram), fits=False)


def _usable_gpus(hardware: HardwareInfo) -> list[tuple[int, float]]:
    """(MiB free, compute capability) of each GPU to use.

    Where one has less than half of the largest one's memory, only the largest is used: CUDA counts the fastest
    first, and on which of the others an instance would land is not known.
    """
    if not hardware.cuda_available:
        return []
    free = hardware.gpu_memory_free_mb or hardware.gpu_memory_mb
    gpus = list(zip(free, hardware.gpu_capability or (_FLOAT16_CAPABILITY,) * len(free), strict=False))
    if gpus and min(gpus)[0] * 2 < max(gpus)[0]:
        return [max(gpus)]
    return gpus


def _gpu_compute_types(capability: float) -> tuple[str, ...]:
    """Best first; those that CTranslate2 computes in on such a GPU."""
    if capability >= _FLOAT16_CAPABILITY:
        return ("float16", "int8_float16")
    return ("int8",) if capability >= _INT8_CAPABILITY else ("float32",)


def _fit(batch: int, concurrency: int, windows: int) -> tuple[int, int]:
    """Lower both until their product is at most `windows`, the larger one first, of equals the concurrency."""
    smaller = batch
    while smaller * concurrency > windows:
        if smaller > concurrency:
            smaller //= 2
        elif smaller == 1:
            return 1, windows
        else:
            concurrency //= 2
    return min(batch, windows // concurrency), concurrency
