"""What a container leaves of the machine: CPU set, CPU quota and memory limit of cgroups v1 and v2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """None: not limited."""

    cpus: float | None = None
    """CPU time in CPUs, as 1.5."""
    memory_mb: int | None = None
    memory_free_mb: int | None = None
    """How much of `memory_mb` is left; the page cache counts as left, the kernel gives it back."""


def read_limits(root: Path = Path("/")) -> Limits:
    """The tightest limits of all groups of this process, read under `root`; none elsewhere than on Linux."""
    groups = list(_groups(root))
    cpus = [c for group in groups if (c := _quota(group)) is not None]
    memory = [m for group in groups if (m := _memory(group)) is not None]
    return Limits(
        cpus=min(cpus, default=None),
        memory_mb=min((total for total, _ in memory), default=None),
        memory_free_mb=min((free for _, free in memory), default=None),
    )


def allowed_cpus() -> tuple[int, ...]:
    """The numbers of the logical CPUs that this process may run on; empty where the system does not tell."""
    if not hasattr(os, "sched_getaffinity"):
        return ()
    return tuple(sorted(os.sched_getaffinity(0)))


def _groups(root: Path) -> Iterator[Path]:
    """The folders of this process's groups and of all groups above them.

    A container often sees its own group mounted as the root while /proc names it by the host's path, so names
    that do not exist here are passed over.
    """
    membership = root / "proc/self/cgroup"
    if not membership.exists():
        return
    for line in membership.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in [controllers] if controllers else ["", "unified"]:
            base = root / "sys/fs/cgroup" / mount
            inside = PurePosixPath(path.lstrip("/"))
            for folder in (inside, *inside.parents):
                if (base / folder).is_dir():
                    yield base / folder


def _quota(group: Path) -> float | None:
    if (v2 := _text(group / "cpu.max")) is not None:
        quota, period = v2.split()
        return None if quota == "max" else int(quota) / int(period)
    quota_us, period_us = _text(group / "cpu.cfs_quota_us"), _text(group / "cpu.cfs_period_us")
    if quota_us is None or period_us is None or int(quota_us) <= 0:
        return None
    return int(quota_us) / int(period_us)


def _memory(group: Path) -> tuple[int, int] | None:
    """(limit, left) in MiB."""
    for limit_name, used_name, cache_key in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit = _text(group / limit_name)
        if limit is None or limit == "max":
            continue
        cache = _statistic(group / "memory.stat", cache_key)
        used = max(0, int(_text(group / used_name) or 0) - cache)
        return int(limit) // MIB, max(0, int(limit) - used) // MIB
    return None


def _statistic(path: Path, key: str) -> int:
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0


def _text(path: Path) -> str | None:
    return path.read_text().strip() if path.is_file() else None
