from __future__ import annotations

from workbench.pool.memory import Cost, Memory, cost_between, read_memory

BEFORE = Memory(held_mb=500, free_mb=4000, total_mb=8000, gpus_free_mb=(8000, 4000), gpus_total_mb=(10_000, 4000))


def test_the_cost_is_what_the_process_took_and_what_is_known_at_least() -> None:
    after = Memory(held_mb=900, free_mb=3000, total_mb=8000)
    assert cost_between(BEFORE, after, 300) == Cost(400, ())
    assert cost_between(BEFORE, after, 700) == Cost(700, ())
    assert cost_between(after, BEFORE, 0) == Cost(0, ())


def test_on_a_gpu_the_weights_take_no_ram() -> None:
    after = Memory(held_mb=600, free_mb=3900, total_mb=8000, gpus_free_mb=(6000, 4000), gpus_total_mb=(10_000, 4000))
    assert cost_between(BEFORE, after, 4500) == Cost(100, (2000, 0))


def test_only_the_gpu_in_use_can_be_too_full() -> None:
    full = Memory(held_mb=600, free_mb=3900, total_mb=8000, gpus_free_mb=(9000, 10), gpus_total_mb=(10_000, 4000))
    assert Cost(100, (2000, 0)).lacking(full) == ""
    assert not Cost(100, (2000, 0)).is_short(full)
    assert Cost(100, (0, 500)).is_short(full)
    assert Cost(100, (0, 500)).lacking(full) == "it takes about 500 MB, and 0 MB of the GPU's memory may be taken"


def test_a_tenth_of_all_memory_is_left_to_others() -> None:
    memory = Memory(held_mb=500, free_mb=1000, total_mb=8000)
    assert memory.room_mb() == 200
    assert Cost(200).lacking(memory) == ""
    assert Cost(201).lacking(memory)
    assert not Cost(201).is_short(memory)
    assert Cost(0).is_short(Memory(held_mb=500, free_mb=799, total_mb=8000))


def test_this_machine_has_memory() -> None:
    memory = read_memory()
    assert 0 < memory.held_mb < memory.total_mb
    assert 0 < memory.free_mb <= memory.total_mb
    assert len(memory.gpus_free_mb) == len(memory.gpus_total_mb)
