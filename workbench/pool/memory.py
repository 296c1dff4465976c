"""Whether there is memory for one more copy of an engine: by what the last one took."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

RESERVE: Final = 0.1
"""Share of all memory that is left to everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """As it is now, in MiB."""

    held_mb: int
    """RAM of this process."""
    free_mb: int
    """RAM that can still be had; in a container, of what that may use."""
    total_mb: int
    gpus_free_mb: tuple[int, ...] = ()
    gpus_total_mb: tuple[int, ...] = ()

    def room_mb(self) -> int:
        """RAM that may be taken; negative where memory is short."""
        return self.free_mb - round(self.total_mb * RESERVE)

    def gpus_room_mb(self) -> list[int]:
        """The same for each GPU."""
        sizes = zip(self.gpus_free_mb, self.gpus_total_mb, strict=True)
        return [free - round(total * RESERVE) for free, total in sizes]


@dataclass(frozen=True, slots=True)
class Cost:
    """What an engine took when it was loaded, in MiB."""

    ram_mb: int = 0
    gpus_mb: tuple[int, ...] = ()

    def lacking(self, memory: Memory) -> str:
        """What there is too little of for another one, in words; empty: it fits."""
        if self.ram_mb > (room := memory.room_mb()):
            return f"it takes about {self.ram_mb} MB, and {max(0, room)} MB of memory may be taken"
        for needed, room in zip(self.gpus_mb, memory.gpus_room_mb(), strict=False):
            if needed and needed > room:
                return f"it takes about {needed} MB, and {max(0, room)} MB of the GPU's memory may be taken"
        return ""

    def is_short(self, memory: Memory) -> bool:
        """Whether there is less than is to be left to others, of RAM or of a GPU that the engine uses."""
        gpus = zip(self.gpus_mb, memory.gpus_room_mb(), strict=False)
        return memory.room_mb() < 0 or any(used and room < 0 for used, room in gpus)


def cost_between(before: Memory, after: Memory, least_mb: int) -> Cost:
    """What was taken between two moments; without a GPU `least_mb` at least, as others may free some meanwhile."""
    gpus = tuple(max(0, old - new) for old, new in zip(before.gpus_free_mb, after.gpus_free_mb, strict=False))
    ram = max(0, after.held_mb - before.held_mb)
    return Cost(ram if any(gpus) else max(ram, least_mb), gpus)


def read_memory() -> Memory:
    """Blocks for some milliseconds, where there are GPUs for some ten."""
    import psutil

    from workbench.profiles.hardware import CoreHardwareDetector

    found = CoreHardwareDetector().detect()
    return Memory(
        held_mb=psutil.Process().memory_info().rss >> 20,
        free_mb=found.memory_available_mb,
        total_mb=found.memory_total_mb,
        gpus_free_mb=found.gpu_memory_free_mb,
        gpus_total_mb=found.gpu_memory_mb,
    )
