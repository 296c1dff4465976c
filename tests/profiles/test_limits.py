from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from workbench.profiles.limits import Limits, allowed_cpus, read_limits

MIB = 2**20


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    return root


def test_without_cgroups_nothing_is_limited(tmp_path: Path) -> None:
    assert read_limits(tmp_path) == Limits()


def test_cgroup_v2_limits_are_read_and_the_page_cache_counts_as_free(tmp_path: Path) -> None:
    group = "sys/fs/cgroup/user.slice/job"
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/user.slice/job",
            f"{group}/cpu.max": "150000 100000",
            f"{group}/memory.max": str(1000 * MIB),
            f"{group}/memory.current": str(700 * MIB),
            f"{group}/memory.stat": f"anon 1\ninactive_file {100 * MIB}",
        },
    )
    assert read_limits(root) == Limits(cpus=1.5, memory_mb=1000, memory_free_mb=400)


def test_the_tightest_group_above_counts(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "0::/outer/inner",
            "sys/fs/cgroup/outer/inner/cpu.max": "max 100000",
            "sys/fs/cgroup/outer/inner/memory.max": str(2000 * MIB),
            "sys/fs/cgroup/outer/inner/memory.current": "0",
            "sys/fs/cgroup/outer/cpu.max": "200000 100000",
            "sys/fs/cgroup/outer/memory.max": str(1500 * MIB),
            "sys/fs/cgroup/outer/memory.current": str(1200 * MIB),
        },
    )
    assert read_limits(root) == Limits(cpus=2.0, memory_mb=1500, memory_free_mb=300)


def test_cgroup_v1_limits_are_read_where_the_container_mounts_its_own_group_as_root(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "400000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": str(800 * MIB),
            "sys/fs/cgroup/memory/memory.usage_in_bytes": str(500 * MIB),
            "sys/fs/cgroup/memory/memory.stat": f"total_inactive_file {200 * MIB}",
        },
    )
    assert read_limits(root) == Limits(cpus=4.0, memory_mb=800, memory_free_mb=500)


def test_a_v1_group_without_quota_is_not_limited(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "3:cpu:/", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1"}
    assert read_limits(write(tmp_path, files)).cpus is None


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not bind processes")
def test_the_cpus_this_process_is_bound_to_are_told() -> None:
    assert list(allowed_cpus()) == sorted(psutil.Process().cpu_affinity())
