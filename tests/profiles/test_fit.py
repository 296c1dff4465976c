"""A profile that cannot run on a machine is told from one that can."""

from __future__ import annotations

import pytest

from workbench.profiles.fit import obstacles
from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.schema import Profile, load_profile
from workbench.profiles.store import presets_dir

WITHOUT_GPU = HardwareInfo(memory_total_mb=8192)
WITH_GPU = HardwareInfo(
    memory_total_mb=65536, gpu_count=1, gpu_names=("RTX",), gpu_memory_mb=(4096,), cuda_available=True
)


def recognizing(**options: object) -> Profile:
    return Profile.model_validate({"schema": 1, "name": "x", "asr": {"engine": "e", "options": options}})


def test_a_preset_for_a_gpu_cannot_run_without_one() -> None:
    preset = load_profile(presets_dir() / "laptop-gpu.toml")
    assert obstacles(preset, WITHOUT_GPU) == ["asr is to run on CUDA, and this machine has no NVIDIA GPU"]
    assert not obstacles(preset, WITH_GPU)


def test_a_gpu_without_its_driver_is_named() -> None:
    hardware = HardwareInfo(gpu_count=1, gpu_memory_mb=(8192,))
    assert obstacles(recognizing(device="cuda"), hardware) == [
        "asr is to run on CUDA, and its driver library does not load"
    ]


@pytest.mark.parametrize(
    ("options", "hardware", "memory"),
    [
        ({"model": "large-v3", "compute_type": "float32"}, WITHOUT_GPU, "RAM"),
        ({"model": "large-v3", "device": "cuda", "compute_type": "float16"}, WITH_GPU, "VRAM"),
    ],
)
def test_a_model_that_is_larger_than_the_memory_cannot_run(
    options: dict[str, object], hardware: HardwareInfo, memory: str
) -> None:
    (obstacle,) = obstacles(recognizing(**options), hardware)
    assert obstacle.startswith("asr wants large-v3, which takes about")
    assert f" MB of {memory}, and there are " in obstacle


@pytest.mark.parametrize("options", [{}, {"model": "auto"}, {"model": "./mine"}, {"model": "base"}, {"device": "auto"}])
def test_nothing_is_said_against_what_is_chosen_here_or_small_or_not_known(options: dict[str, object]) -> None:
    assert not obstacles(recognizing(**options), WITHOUT_GPU)
