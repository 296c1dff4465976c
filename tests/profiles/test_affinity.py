from __future__ import annotations

import logging
from collections.abc import Iterator

import psutil
import pytest

from workbench.profiles import affinity

pytestmark = pytest.mark.skipif(
    not hasattr(psutil.Process, "cpu_affinity"), reason="this system does not bind processes"
)


@pytest.fixture
def process() -> Iterator[psutil.Process]:
    process = psutil.Process()
    before = process.cpu_affinity()
    affinity._allowed.cache_clear()
    yield process
    process.cpu_affinity(before)


def test_half_binds_to_the_first_half_of_the_cores_and_all_undoes_it(process: psutil.Process) -> None:
    allowed = sorted(process.cpu_affinity())
    cores = min(psutil.cpu_count(logical=False) or len(allowed), len(allowed))
    half = affinity.apply("half")
    assert half == allowed[: max(1, cores // 2)] == sorted(process.cpu_affinity())
    assert affinity.apply("half") == half, "half of what there was, not of what is left"
    assert affinity.apply("all") == allowed == sorted(process.cpu_affinity())


def test_a_list_binds_to_those_that_are_there(process: psutil.Process) -> None:
    last = max(process.cpu_affinity())
    assert affinity.apply([last, 9999]) == [last] == process.cpu_affinity()


def test_none_changes_nothing(process: psutil.Process) -> None:
    before = process.cpu_affinity()
    assert affinity.apply("none") == []
    assert process.cpu_affinity() == before


@pytest.mark.parametrize("choice", [[9999], "third"])
def test_what_cannot_be_done_is_logged_and_harmless(
    choice: str | list[int], process: psutil.Process, caplog: pytest.LogCaptureFixture
) -> None:
    before = process.cpu_affinity()
    with caplog.at_level(logging.WARNING):
        assert affinity.apply(choice) == []
    assert "is not set" in caplog.text
    assert process.cpu_affinity() == before


def test_a_system_that_refuses_is_harmless(process: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: psutil.Process, cpus: list[int] | None = None) -> list[int]:
        if cpus:
            raise psutil.AccessDenied
        return [0, 1]

    monkeypatch.setattr(psutil.Process, "cpu_affinity", refuse)
    assert affinity.apply("half") == []


def test_a_system_without_affinity_is_harmless(process: psutil.Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(psutil.Process, "cpu_affinity")
    assert affinity.apply("half") == []
    monkeypatch.undo()
