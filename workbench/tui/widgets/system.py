"""How busy the machine is: processors, memory, GPUs, and the room on the disk that takes the audio."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from workbench.threads import to_thread
from workbench.tui.texts import _
from workbench.tui.widgets.panel import Line, Panel, Part, fit

if TYPE_CHECKING:
    from workbench.system import SystemLoad, SystemMonitor

HIGH: Final = 0.9
"""Share of what there is, from which on it is marked."""
LOW_DISK: Final = 2 * 1024**3
"""Bytes: some hours of audio and their journal."""
_GIB: Final = 1024**3


class SystemPanel(Panel):
    """One line; or one for each resource, where it is given the height."""

    _monitor: SystemMonitor | None = None

    async def sample(self, *, lines: bool, steady: bool) -> None:
        """Look, and show it. Without `steady` samples, no share of the time is shown: it would not stay true."""
        from workbench.system import SystemMonitor

        if self._monitor is None:
            self._monitor = await to_thread(SystemMonitor)
        load = await to_thread(self._monitor.sample)
        if not steady:
            load = replace(load, cpu_percent=None, process_cpu_percent=None)
        self.show_load(load, lines=lines)

    def show_load(self, load: SystemLoad, *, lines: bool = False) -> None:
        """`lines`: one line for each resource; the height follows."""
        rows = _resources(load, bar=8 if lines else 4)
        shown: list[Line] = [((_("System"), "head"),), *rows] if lines else [_in_one_line(rows)]
        if self.styles.height is None or self.styles.height.value != len(shown):
            self.styles.height = len(shown)
        self.show(shown)


def _resources(load: SystemLoad, bar: int) -> list[Line]:
    cpu, own = load.cpu_percent, load.process_cpu_percent
    rows = [
        _row(_("CPU"), _share(cpu, 100), _percent(cpu), bar, _("{own} of a core own", own=_percent(own).strip())),
        _row(
            _("RAM"),
            _share(load.memory_used, load.memory_total),
            _of(load.memory_used, load.memory_total),
            bar,
            _("{own} own", own=_gib(load.process_memory)),
        ),
    ]
    for gpu in load.gpus:
        busy, share = gpu.utilisation_percent, _share(gpu.memory_used, gpu.memory_total)
        rows.append(_row(_("GPU"), _share(busy, 100), _percent(busy), bar, ""))
        rows.append(_row(_("VRAM"), share, _of(gpu.memory_used, gpu.memory_total), bar, ""))
    if not load.gpus:
        rows.append(((fit(_("GPU"), 5), ""), (_("none"), "dim")))
    low = load.disk_free is not None and load.disk_free < LOW_DISK
    free = _("{size} free", size=_gib(load.disk_free)) + (" " + _("LOW") if low else "")
    rows.append(((fit(_("Disk"), 5), ""), (free, "bad" if low else "")))
    return rows


def _row(name: str, share: float, text: str, bar: int, own: str) -> Line:
    filled = round(min(max(share, 0.0), 1.0) * bar)
    style = "warn" if share >= HIGH else "good"
    parts: list[Part] = [(fit(name, 5), ""), ("█" * filled, style), ("░" * (bar - filled), "dim"), (f" {text}", "")]
    return (*parts, (f" {own}", "dim")) if own else tuple(parts)


def _in_one_line(rows: list[Line]) -> Line:
    return tuple(part for row in rows for part in (*(row[:-1] if len(row) > 4 else row), ("  ", "")))


def _share(used: float | None, total: float | None) -> float:
    return used / total if used is not None and total else 0.0


def _percent(value: float | None) -> str:
    return "  - %" if value is None else f"{value:3.0f} %"


def _of(used: int | None, total: int | None) -> str:
    return f"{_gib(used).removesuffix(' G')}/{_gib(total)}"


def _gib(size: int | None) -> str:
    return "-" if size is None else f"{size / _GIB:.1f} G" if size < 100 * _GIB else f"{size / _GIB:.0f} G"
