"""The machines are in tests/hardware: what each has, and the plan for it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.profiles.hardware import HardwareInfo
from workbench.profiles.optimizer import ENGINE_RAM_MB, Caps, CoreOptimizer, Plan
from workbench.profiles.whisper_sizes import SIZES

MACHINES = sorted((Path(__file__).parents[1] / "hardware").glob("*.toml"))


def hardware_of(table: dict[str, Any]) -> HardwareInfo:
    values: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in table.items()}
    return HardwareInfo(**values)


@st.composite
def machines(draw: st.DrawFn) -> HardwareInfo:
    total = draw(st.lists(st.integers(1, 200_000), max_size=8))
    memory = draw(st.integers(1, 2_000_000))
    return HardwareInfo(
        gpu_count=len(total),
        gpu_memory_mb=tuple(total),
        gpu_memory_free_mb=tuple(draw(st.integers(0, mb)) for mb in total),
        gpu_names=("GPU",) * len(total),
        gpu_capability=tuple(draw(st.sampled_from([5.2, 6.1, 7.5, 8.9])) for _ in total),
        cuda_available=draw(st.booleans()) and bool(total),
        cpu_cores=draw(st.integers(1, 512)),
        memory_total_mb=memory,
        memory_available_mb=draw(st.integers(0, memory)),
    )


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_each_machine_gets_the_plan_that_is_written_beside_it(path: Path) -> None:
    machine = tomllib.loads(path.read_text())
    assert CoreOptimizer().plan(hardware_of(machine["hardware"])).values() == machine["plan"]


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_every_value_has_its_reason_in_one_sentence(path: Path) -> None:
    plan = CoreOptimizer().plan(hardware_of(tomllib.loads(path.read_text())["hardware"]))
    assert plan.reasons.keys() == plan.values().keys()
    for reason in plan.reasons.values():
        assert reason[0].isupper() or reason[0].isdigit()
        assert reason.endswith(".")


@given(machines())
def test_no_value_is_below_1(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    assert min(plan.batch_size, plan.concurrency, plan.instances, plan.threads_per_call, len(plan.cpu_affinity)) >= 1


@given(machines())
def test_threads_of_all_calls_are_never_more_than_the_cores(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    assert plan.instances * plan.concurrency * plan.threads_per_call <= hardware.cpu_cores


@given(machines())
def test_a_plan_fits_the_memory_that_is_free(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    size = next(size for size in SIZES if size.name == plan.model)
    windows = plan.batch_size * plan.concurrency
    if plan.device == "cuda":
        roomy = sorted(hardware.gpu_memory_free_mb)[-plan.instances :]
        assert size.vram_mb(plan.compute_type, windows) <= min(roomy)
        need = size.host_mb(plan.instances)
    else:
        need = size.ram_mb(plan.compute_type, windows)
    assert plan.fits is (need + ENGINE_RAM_MB["vad"] <= int(hardware.memory_available_mb * 0.9))


@given(machines())
def test_only_the_smallest_plan_may_not_fit_and_it_says_so(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    if not plan.fits:
        assert (plan.device, plan.model, plan.concurrency) == ("cpu", "tiny", 1)
        assert "yet it takes" in plan.reasons["model"]


@given(machines())
def test_without_cuda_a_plan_is_for_the_cpu_with_batch_1(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    if not hardware.cuda_available:
        assert (plan.device, plan.batch_size, plan.compute_type) == ("cpu", 1, "int8")
        assert plan.concurrency <= max(1, hardware.cpu_cores // 2)


def test_the_first_guesses_are_the_formulas_that_users_know() -> None:
    optimizer = CoreOptimizer()
    assert [optimizer.get_optimal_batch_size(mb) for mb in (0, 499, 4096, 16000, 24564)] == [1, 1, 8, 32, 32]
    guesses = [optimizer.get_optimal_concurrency(*at) for at in ((1, 0), (8, 0), (16, 24564), (16, 4096), (16, 100))]
    assert guesses == [1, 4, 8, 2, 1]
    assert [optimizer.should_use_memory_mapping(mb) for mb in (7999, 8000)] == [True, False]
    assert [optimizer.get_cpu_affinity_cores(cores) for cores in (1, 2, 5, 16)] == [[0], [0], [0, 1], [*range(8)]]


def test_files_are_worked_on_beside_those_that_are_decoded_and_written_and_enough_to_pass_a_long_one() -> None:
    files = CoreOptimizer().get_optimal_files_at_once
    assert files(1, 4_000) == files(2, 16_000) == 4
    assert files(4, 32_000) == 6
    assert files(16, 128_000) == 8, "one file has work for several calls"
    assert files(4, 1_000) == files(1, 100) == 2


@given(machines())
def test_more_than_one_file_is_worked_on_at_once_and_the_reason_says_why(hardware: HardwareInfo) -> None:
    plan = CoreOptimizer().plan(hardware)
    assert 2 <= plan.files_at_once <= 8
    assert plan.reasons["files_at_once"].endswith(".")


def test_caps_can_be_set() -> None:
    optimizer = CoreOptimizer(Caps(batch_size=48, affinity_cores=4))
    assert optimizer.get_optimal_batch_size(24564) == 48
    assert optimizer.get_cpu_affinity_cores(16) == [0, 1, 2, 3]


def test_engines_beside_the_recognizer_take_their_memory_from_it() -> None:
    tight = HardwareInfo(cpu_cores=4, cpu_threads=4, memory_available_mb=2000)
    plans: list[Plan] = [
        CoreOptimizer().plan(tight, engines)
        for engines in ({"asr": "faster-whisper"}, {"asr": "faster-whisper", "translation": "x", "tts": "y"})
    ]
    assert [plan.model for plan in plans] == ["small", "base"]
