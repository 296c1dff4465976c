"""What was found and planned, as people read it."""

from __future__ import annotations

from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.optimizer import CoreOptimizer
from workbench.profiles.report import Row, hardware_rows, plan_rows

LAPTOP = HardwareInfo(
    cpu_name="Ryzen 7",
    cpu_cores=8,
    cpu_threads=16,
    cpu_features=("avx", "avx2", "avx512f"),
    memory_total_mb=16_000,
    memory_available_mb=9_318,
)


def test_a_machine_without_a_gpu_says_so() -> None:
    assert hardware_rows(LAPTOP) == [
        Row("GPU", "none"),
        Row("CPU", "8 cores / 16 threads (Ryzen 7, AVX2, AVX512F)"),
        Row("Memory", "16 GB in total, 9.1 GB available"),
        Row("Storage", "1 GB available, and for temporary files 1 GB"),
    ]


def test_each_gpu_has_a_row() -> None:
    found = HardwareInfo(
        gpu_count=2, gpu_names=("A", "B"), gpu_memory_mb=(8192, 24_576), gpu_memory_free_mb=(7168, 20_480)
    )
    assert [row.value for row in hardware_rows(found) if row.label == "GPU"] == [
        "A (8.0 GB of memory, 7.0 GB free)",
        "B (24 GB of memory, 20 GB free)",
    ]
    assert "1 core / 1 thread" in hardware_rows(found)[2].value


def test_every_value_of_a_plan_has_its_reason() -> None:
    plan = CoreOptimizer().plan(LAPTOP)
    rows = plan_rows(plan)
    assert len(rows) == len(plan.reasons)
    assert all(row.reason for row in rows)
    assert Row("CPU affinity", "cores 0-3 (not bound)", plan.reasons["cpu_affinity"]) in rows
