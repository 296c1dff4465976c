from __future__ import annotations

from dataclasses import replace

from tests.tui.widgets.looks import shown, texts
from workbench.system import GpuLoad, SystemLoad
from workbench.tui.widgets.system import SystemPanel

GIB = 1024**3
LOAD = SystemLoad(
    cpu_percent=41.0,
    process_cpu_percent=88.0,
    memory_used=2 * GIB,
    memory_total=16 * GIB,
    process_memory=GIB // 2,
    gpus=(),
    disk_free=21 * GIB,
)
GPU = GpuLoad(name="H100", utilisation_percent=12.0, memory_used=8 * GIB, memory_total=80 * GIB)


def rows(load: SystemLoad, *, lines: bool = True, width: int = 46) -> list[str]:
    panel = SystemPanel()
    with shown(panel, (width, 20), lambda panel: panel.show_load(load, lines=lines)):
        return texts(panel)


def test_each_resource_has_a_line() -> None:
    assert rows(LOAD)[1:] == [
        "CPU  ███░░░░░  41 % 88 % of a core own",
        "RAM  █░░░░░░░ 2.0/16.0 G 0.5 G own",
        "GPU  none",
        "Disk 21.0 G free",
    ]


def test_all_fit_into_one_line() -> None:
    (line,) = rows(replace(LOAD, gpus=(GPU,)), lines=False, width=98)
    assert line == ("CPU  ██░░  41 %  RAM  ░░░░ 2.0/16.0 G  GPU  ░░░░  12 %  VRAM ░░░░ 8.0/80.0 G  Disk 21.0 G free")


def test_what_cannot_be_found_out_is_not_made_up() -> None:
    unknown = SystemLoad(None, None, None, None, None, (GpuLoad("old", None, None, None),), None)
    assert rows(unknown)[1:] == [
        "CPU  ░░░░░░░░   - % - % of a core own",
        "RAM  ░░░░░░░░ -/- - own",
        "GPU  ░░░░░░░░   - %",
        "VRAM ░░░░░░░░ -/-",
        "Disk - free",
    ]


def test_a_disk_that_fills_up_is_told_in_a_word() -> None:
    assert rows(replace(LOAD, disk_free=GIB))[-1] == "Disk 1.0 G free LOW"
