from __future__ import annotations

import logging
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from workbench.profiles.limits import Limits
from workbench.system import GpuLoad, SystemMonitor

MIB = 2**20


class Nvml:
    """An NVML with two GPUs, of which the second does not tell how busy it is."""

    inits = 0

    def nvmlInit(self) -> None:
        self.inits += 1

    def nvmlDeviceGetCount(self) -> int:
        return 2

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetName(self, handle: int) -> str | bytes:
        return (b"RTX 4090", "RTX 3060")[handle]

    def nvmlDeviceGetUtilizationRates(self, handle: int) -> Any:
        if handle == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(gpu=42, memory=7)

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=24564 * MIB, used=4000 * MIB, free=20564 * MIB)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> Nvml:
    """A driver that works; the machine's own is out of sight."""
    fake = Nvml()
    for name in dir(fake):
        if name.startswith("nvml"):
            monkeypatch.setattr(pynvml, name, getattr(fake, name))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return fake


def without_driver(monkeypatch: pytest.MonkeyPatch, code: int = pynvml.NVML_ERROR_LIBRARY_NOT_FOUND) -> list[int]:
    """Take NVML away. The list grows each time somebody looks for it."""
    tries: list[int] = []

    def fail() -> None:
        tries.append(code)
        raise pynvml.NVMLError(code)

    monkeypatch.setattr(pynvml, "nvmlInit", fail)
    return tries


def busy(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))


def test_this_machine_tells_everything() -> None:
    monitor = SystemMonitor()
    busy(0.1)
    load = monitor.sample()
    assert load.cpu_percent is not None
    assert 0 < load.cpu_percent <= 100
    assert load.process_cpu_percent is not None
    assert 0 < load.process_cpu_percent < 100 * (psutil.cpu_count() or 1) + 50
    assert load.memory_used is not None
    assert load.memory_total is not None
    assert 0 < load.memory_used < load.memory_total <= psutil.virtual_memory().total
    assert load.process_memory is not None
    assert 10 * MIB < load.process_memory < load.memory_total
    assert load.disk_free is not None
    assert load.disk_free > 0


def test_two_samples_at_once_do_not_know_the_share_of_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    now = psutil.cpu_times()
    monkeypatch.setattr(psutil, "cpu_times", lambda: now)
    assert SystemMonitor().sample().cpu_percent is None


@pytest.mark.parametrize(("user", "idle", "iowait", "percent"), [(30, 70, 0, 30.0), (0, 50, 50, 0.0), (5, 0, 0, 100.0)])
def test_the_share_of_the_cpu_is_that_between_two_samples(
    user: float, idle: float, iowait: float, percent: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = [field for field in psutil.cpu_times()._fields if field not in ("guest", "guest_nice")]
    if not {"user", "idle", "iowait"} <= set(fields):
        pytest.skip("this system does not tell the time that was waited for disks")
    kind = type(psutil.cpu_times())
    readings = iter([{}, {"user": user, "idle": idle, "iowait": iowait}])
    monkeypatch.setattr(psutil, "cpu_times", lambda: kind(**(dict.fromkeys(kind._fields, 0.0) | next(readings))))
    assert SystemMonitor().sample().cpu_percent == pytest.approx(percent)


def test_gpus_tell_what_they_can(nvml: Nvml) -> None:
    monitor = SystemMonitor()
    for _ in range(3):
        assert monitor.sample().gpus == (
            GpuLoad("RTX 4090", 42.0, 4000 * MIB, 24564 * MIB),
            GpuLoad("RTX 3060", None, 4000 * MIB, 24564 * MIB),
        )
    assert nvml.inits == 1


def test_gpus_that_cuda_does_not_see_do_not_count(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert [gpu.name for gpu in SystemMonitor().sample().gpus] == ["RTX 3060"]


def test_a_gpu_that_falls_off_leaves_its_name(nvml: Nvml, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(handle: int) -> Any:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)

    monitor = SystemMonitor()
    monitor.sample()
    monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lost)
    assert monitor.sample().gpus[0] == GpuLoad("RTX 4090", 42.0, None, None)


@pytest.mark.parametrize("code", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH])
def test_without_a_driver_that_works_there_are_no_gpus_and_it_is_looked_for_once(
    code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = without_driver(monkeypatch, code)
    monitor = SystemMonitor()
    assert [monitor.sample().gpus for _ in range(3)] == [(), (), ()]
    assert len(tries) == 1


def test_without_the_package_for_gpus_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert SystemMonitor().sample().gpus == ()


@pytest.mark.parametrize(
    ("broken", "fields"),
    [
        ("cpu_times", {"cpu_percent"}),
        ("virtual_memory", {"memory_used", "memory_total"}),
        ("Process", {"process_cpu_percent", "process_memory"}),
    ],
)
def test_what_cannot_be_found_out_is_left_open_and_logged_once(
    broken: str, fields: set[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Any:
        raise PermissionError("/proc is closed")

    caplog.set_level(logging.INFO)
    without_driver(monkeypatch)
    monkeypatch.setattr(psutil, broken, fail)
    monitor = SystemMonitor()
    busy(0.03)
    samples = [monitor.sample() for _ in range(3)]
    assert {name for name in samples[0].__slots__ if getattr(samples[0], name) is None} == fields
    assert len(caplog.messages) == (2 if broken == "Process" else 1)


def test_a_containers_memory_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(memory_mb=512, memory_free_mb=300)
    monkeypatch.setattr("workbench.profiles.limits.read_limits", lambda: limits)
    load = SystemMonitor().sample()
    assert (load.memory_used, load.memory_total) == (212 * MIB, 512 * MIB)


def test_free_space_is_told_before_the_data_folder_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "not" / "yet"))
    assert SystemMonitor().sample().disk_free is not None


def test_a_sample_takes_at_most_5_ms() -> None:
    monitor = SystemMonitor()
    monitor.sample()
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        monitor.sample()
        times.append(time.perf_counter() - begin)
    assert min(times) <= 0.005


def test_nothing_heavy_is_imported_before_the_first_sample() -> None:
    code = "import sys, workbench.system; print([m for m in ('psutil', 'pynvml', 'numpy') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
