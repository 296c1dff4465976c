from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pynvml
import pytest

from workbench.profiles import hardware
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo, free_space_gb
from workbench.profiles.limits import Limits

MIB = 2**20


class Nvml:
    """An NVML with two GPUs."""

    def __init__(self) -> None:
        self.names = [b"RTX 4090", b"RTX 3060"]

    def nvmlDeviceGetCount(self) -> int:
        return len(self.names)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> int:
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> int:
        return {"GPU-a": 0, "GPU-b": 1}[uuid]

    def nvmlDeviceGetMemoryInfo(self, handle: int) -> Any:
        return SimpleNamespace(total=(24564, 12288)[handle] * MIB, free=(20000, 12000)[handle] * MIB)

    def nvmlDeviceGetName(self, handle: int) -> bytes:
        return self.names[handle]

    def nvmlDeviceGetCudaComputeCapability(self, handle: int) -> tuple[int, int]:
        return (8, 9) if handle == 0 else (8, 6)

    def nvmlSystemGetDriverVersion(self) -> str:
        return "550.54"


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Two GPUs whose driver works; the machine's own are out of sight."""
    fake = Nvml()
    for name in dir(fake):
        if name.startswith("nvml"):
            monkeypatch.setattr(pynvml, name, getattr(fake, name))
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(hardware, "_cuda_loads", lambda: True)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return monkeypatch


def test_this_machine_is_found_without_problems() -> None:
    found = CoreHardwareDetector().detect()
    assert found.problems == ()
    assert 1 <= found.cpu_cores <= found.cpu_threads <= (psutil.cpu_count() or 1)
    assert 0 < found.memory_available_mb <= found.memory_total_mb <= psutil.virtual_memory().total // MIB
    assert len(found.gpu_memory_mb) == found.gpu_count
    assert json.loads(json.dumps(found.to_dict()))["cpu_threads"] == found.cpu_threads


def test_detection_takes_at_most_300_ms() -> None:
    CoreHardwareDetector().detect()
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        CoreHardwareDetector().detect()
        times.append(time.perf_counter() - begin)
    assert min(times) <= 0.3


def test_detection_imports_nothing_heavy() -> None:
    code = (
        "import sys; from workbench.profiles.hardware import CoreHardwareDetector; CoreHardwareDetector().detect();"
        "print([m for m in ('torch', 'numpy', 'ctranslate2', 'textual', 'pydantic') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("probe", "title"),
    [
        ("gpu", "GPU"),
        ("cpu", "CPU"),
        ("cpu_features", "CPU features"),
        ("memory", "memory"),
        ("temp_space", "temporary space"),
        ("data_space", "data space"),
    ],
)
def test_a_probe_that_fails_leaves_its_default_and_all_others_stand(
    probe: str, title: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = CoreHardwareDetector().detect().to_dict()
    only = getattr(CoreHardwareDetector(), f"_detect_{probe}")()

    def fail(_: object) -> dict[str, Any]:
        raise OSError("broken")

    monkeypatch.setattr(CoreHardwareDetector, f"_detect_{probe}", fail)
    found = CoreHardwareDetector().detect()
    assert found.problems == (f"{title}: broken",)
    careful = HardwareInfo().to_dict()
    for key, value in found.to_dict().items():
        if key in only:
            assert value == careful[key]
        elif key not in ("problems", "memory_available_mb", "temp_space_available_gb", "data_space_available_gb"):
            assert value == whole[key]


def test_gpus_are_described(gpus: pytest.MonkeyPatch) -> None:
    found = CoreHardwareDetector().detect()
    assert found.gpu_names == ("RTX 4090", "RTX 3060")
    assert (found.gpu_count, found.gpu_memory_mb, found.gpu_memory_free_mb) == (2, (24564, 12288), (20000, 12000))
    assert (found.gpu_capability, found.driver, found.cuda_available) == ((8.9, 8.6), "550.54", True)


@pytest.mark.parametrize(
    ("visible", "names"),
    [("", ()), ("-1", ()), ("1", ("RTX 3060",)), ("1,0", ("RTX 3060", "RTX 4090")), ("GPU-b", ("RTX 3060",)),
     ("0,7,1", ("RTX 4090",))],
)  # fmt: skip
def test_gpus_that_cuda_does_not_see_do_not_count(
    visible: str, names: tuple[str, ...], gpus: pytest.MonkeyPatch
) -> None:
    gpus.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = CoreHardwareDetector().detect()
    assert found.gpu_names == names
    assert found.cuda_available is bool(names)


def test_a_gpu_whose_cuda_library_does_not_load_cannot_be_used(gpus: pytest.MonkeyPatch) -> None:
    gpus.setattr(hardware, "_cuda_loads", lambda: False)
    found = CoreHardwareDetector().detect()
    assert (found.gpu_count, found.cuda_available) == (2, False)


def test_a_broken_driver_is_a_problem_but_no_driver_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(code: int) -> None:
        raise pynvml.NVMLError(code)

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: fail(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    assert "mismatch" in CoreHardwareDetector().detect().problems[0].lower()
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: fail(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND))
    assert CoreHardwareDetector().detect().problems == ()


def test_a_containers_limits_count(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(cpus=1.5, memory_mb=512, memory_free_mb=300)
    monkeypatch.setattr(hardware, "read_limits", lambda: limits)
    found = CoreHardwareDetector().detect()
    assert (found.cpu_cores, found.cpu_threads) == (1, 1)
    assert (found.memory_total_mb, found.memory_available_mb) == (512, 300)


def test_free_space_is_told_for_a_folder_that_is_not_made_yet(tmp_path: Path) -> None:
    assert free_space_gb(tmp_path / "not" / "yet") == free_space_gb(tmp_path)
