"""What the plugin screen lists: every engine, and every plugin that gave none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from workbench.models.states import ModelState, Phase
from workbench.plugins import DISABLED, Plugin, Registry
from workbench.tui.texts import _

if TYPE_CHECKING:
    from workbench.hookspecs import EngineClass
    from workbench.live import StageStatus

_FIRST: Final = {Phase.READY: 1, **dict.fromkeys((Phase.DOWNLOADING, Phase.LOADING, Phase.WARMING), 2)}


@dataclass(frozen=True, slots=True)
class PluginRow:
    plugin: Plugin
    engine: EngineClass | None
    """None: the plugin gave none."""
    error: str
    """Why it cannot be used."""
    models: tuple[ModelState, ...]
    """What of it is loaded, or wanted."""
    stage: StageStatus | None
    """How it does in the stage that it works in."""
    is_next: bool
    """Whether the plugin is taken up at the next start."""

    @property
    def key(self) -> str:
        """Stable and unique."""
        return f"{self.plugin.name}/{self.kind}/{self.name}"

    @property
    def kind(self) -> str:
        return self.engine.kind.value if self.engine else "-"

    @property
    def name(self) -> str:
        return self.engine.name if self.engine else self.plugin.name

    @property
    def is_off(self) -> bool:
        return self.error == DISABLED

    @property
    def state(self) -> str:
        if self.error and not self.is_off:
            return _("ERR ✗")
        now = _("OFF") if self.is_off else _("ON")
        if self.is_off is self.is_next:
            now += "→" + (_("ON") if self.is_next else _("OFF"))
        return now

    @property
    def model(self) -> str:
        """As "base ready ✓": what is being loaded, else what is ready, else the rest; the details name all."""
        shown = max(self.models, key=lambda state: _FIRST.get(state.phase, 0), default=None)
        return f"{shown.model} {phase_text(shown)}".lstrip() if shown else ""

    def cells(self) -> dict[str, str]:
        """What each column shows."""
        stage = self.stage
        return {
            "state": self.state,
            "name": self.name,
            "kind": _(self.kind),
            "model": self.model,
            "calls": str(stage.calls) if stage else "",
            "p95": seconds(stage.latency_p95_s) if stage and stage.calls else "",
            "failed": str(stage.failed) if stage else "",
            "version": self.plugin.version,
            "source": self.plugin.distribution,
        }


def rows(
    registry: Registry,
    states: Iterable[ModelState],
    stages: Sequence[StageStatus],
    left_out: Collection[str],
) -> list[PluginRow]:
    """Engines by kind, then what gave none. `left_out`: plugins that are not taken up at the next start, by name."""

    def row(plugin: Plugin, engine: EngineClass | None, error: str) -> PluginRow:
        place = (engine.kind, engine.name) if engine else None
        return PluginRow(
            plugin,
            engine,
            error,
            models=tuple(state for state in known if (state.kind, state.engine) == place),
            stage=next((stage for stage in stages if (stage.kind, stage.engine) == place), None),
            is_next=not {plugin.name, plugin.distribution} & set(left_out),
        )

    known = tuple(states)
    return [
        *(row(found.plugin, found.engine, found.error) for found in registry.registrations),
        *(row(plugin, None, plugin.error) for plugin in registry.plugins if plugin.error),
    ]


def details(row: PluginRow) -> Iterator[str]:
    """What there is to tell of a row, line by line."""
    plugin = row.plugin
    about = _("{name} {version}, of {distribution}", name=row.name, **_of(plugin))
    yield about if row.name == plugin.name else f"{about} ({_('plugin {name}', name=plugin.name)})"
    if row.is_off:
        yield _("It is left out.")
    elif row.error:
        yield f"✗ {row.error}"
    if row.is_off is row.is_next:
        yield (
            _("From the next start on it is taken up.") if row.is_next else _("From the next start on it is left out.")
        )
    for state in row.models:
        yield f"{state.model} {phase_text(state)}".lstrip()
        yield from state.message.splitlines()
        if state.next:
            yield _("after it: {title}", title=state.next)


def phase_text(state: ModelState) -> str:
    """A word and a sign."""
    match state.phase.value:
        case "absent":
            return _("absent ✗")
        case "downloading":
            return _("downloading {share} ◌", share=_share(state))
        case "loading":
            return _("loading {share} ◌", share=_share(state)).replace("  ", " ")
        case "warming":
            return _("warming up ◌")
        case "ready":
            return _("ready ✓")
        case "failed":
            return _("failed ✗")
        case _:
            return _("unloading ◌")


def seconds(value: float) -> str:
    """As "640 ms" or "1.2 s"."""
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.1f} s"


def _share(state: ModelState) -> str:
    return f"{min(100, 100 * state.done // state.total)} %" if state.total else ""


def _of(plugin: Plugin) -> dict[str, str]:
    return {"version": plugin.version, "distribution": plugin.distribution}
