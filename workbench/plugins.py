"""Finds plugins and collects their engines. A plugin that fails is recorded and left out; the rest works."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any, Final

import pluggy

from workbench import config, hookspecs
from workbench.engines import Capture, Engine, Exporter, Options, StageKind
from workbench.errors import UnknownEngine, UsageError, did_you_mean, in_one_line, is_expected
from workbench.hookspecs import EngineClass

GROUP: Final = "workbench"
BUILTIN: Final = "builtin"
NO_PLUGINS: Final = "WORKBENCH_NO_PLUGINS"
"""The environment variable that leaves out all but the workbench's own."""
DISABLED: Final = "disabled"
"""The error of a plugin that was left out on purpose."""
PACKAGES: Final = {
    StageKind.VAD: "'workbench-silero-vad[light]'",
    StageKind.ASR: "'workbench-faster-whisper[base]'",
    StageKind.TRANSLATION: "workbench-bergamot",
    StageKind.TTS: "workbench-hibari",
}
"""With an engine of a kind, as pip is asked for it in a shell."""
_CHOICE: Final = "disabled_plugins"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point, loaded or not."""

    name: str
    distribution: str
    version: str
    error: str = ""
    """Why it is left out: the exception's text. Empty when it works."""


@dataclass(frozen=True, slots=True)
class Registration:
    """An engine class and the plugin it came from."""

    engine: EngineClass
    plugin: Plugin
    error: str = ""
    """Why it cannot be used."""

    @property
    def kind(self) -> StageKind:
        return self.engine.kind

    @property
    def name(self) -> str:
        return self.engine.name


@dataclass(slots=True)
class Registry:
    """The engines of all plugins, in the order in which they were found."""

    plugins: list[Plugin] = field(default_factory=list)
    registrations: list[Registration] = field(default_factory=list)

    def engines(self, kind: StageKind) -> dict[str, EngineClass]:
        """Those of `kind` that can be used, by name."""
        return {r.name: r.engine for r in self.registrations if r.kind is kind and not r.error}

    def add(self, plugin: Plugin, load_module: Callable[[], Any]) -> None:
        """Load one plugin. Whatever it raises is recorded, never passed on."""
        try:
            found = _collect(load_module)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, and what test tools raise to skip
            _log.warning("plugin %s is left out: %s", plugin.name, in_one_line(error), exc_info=not is_expected(error))
            self.plugins.append(replace(plugin, error=in_one_line(error)))
            return
        self.plugins.append(plugin)
        for engine in found:
            self._admit(Registration(engine, plugin))

    def _admit(self, new: Registration) -> None:
        """Add an engine; of two with one name neither is used, since a guess would hide the clash."""
        for index, old in enumerate(self.registrations):
            if (old.kind, old.name) == (new.kind, new.name):
                both = f"both {old.plugin.distribution} and {new.plugin.distribution}"
                error = f"{both} have a {new.kind} engine {new.name!r}"
                self.registrations[index] = replace(old, error=error)
                new = replace(new, error=error)
        self.registrations.append(new)

    def find(self, kind: StageKind, name: str) -> EngineClass:
        """The engine of that name. Raises `UnknownEngine`, which says why, or what is meant or installed."""
        known = self.engines(kind)
        if name in known:
            return known[name]
        for registration in self.registrations:
            if (registration.kind, registration.name) == (kind, name):
                message = f"{kind} engine {name!r} cannot be used: {registration.error}"
                raise UnknownEngine(message, hint="Leave one of them out with --no-plugin.")
        for plugin in self.plugins:
            if plugin.error and name in (plugin.name, plugin.distribution):
                hint = how_to_take_up([plugin]) or "See: workbench plugins"
                raise UnknownEngine(f"plugin {name!r} is left out: {plugin.error}", hint=hint)
        close = difflib.get_close_matches(name, known, 1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Installed: {', '.join(known) or 'none'}."
        raise UnknownEngine(
            f"no {kind} engine is called {name!r}", hint=f"{hint} {how_to_take_up(self.plugins)}".rstrip()
        )

    def named(self, name: str) -> list[Plugin]:
        """The plugins of that name, of that distribution, or with an engine of that name. Raises `UsageError`."""
        of_engine = [r.plugin.name for r in self.registrations if r.name == name]
        found = [p for p in self.plugins if name in (p.name, p.distribution)]
        found = found or [p for p in self.plugins if p.name in of_engine]
        if not found:
            known = {n for p in self.plugins for n in (p.name, p.distribution)} | {r.name for r in self.registrations}
            message = f"no engine, plugin or distribution is called {name!r}{did_you_mean(name, known)}"
            raise UsageError(message, hint="See: workbench plugins")
        return found


def disabled() -> list[str]:
    """The names of plugins that the user left out for good. Raises `UsageError` when the choices cannot be read."""
    names = config.read().get(_CHOICE, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        message = f"{config.config_file()}: {_CHOICE} must be a list of names of plugins"
        raise UsageError(message, hint=f'Write it as: {_CHOICE} = ["shout"]')
    return names


def disable(plugins: Iterable[Plugin]) -> None:
    """Leave plugins out, from the next start on. Raises `UsageError` or `OutputError`."""
    chosen = {plugin.name for plugin in plugins}
    if BUILTIN in chosen:
        raise UsageError("the workbench's own engines cannot be left out", hint="For one command: --no-plugin builtin")
    config.change(_CHOICE, sorted({*disabled(), *chosen}))


def enable(plugins: Iterable[Plugin]) -> None:
    """Take plugins up again, from the next start on. Raises `UsageError` or `OutputError`."""
    names = {name for plugin in plugins for name in (plugin.name, plugin.distribution)}
    config.change(_CHOICE, [name for name in disabled() if name not in names])


def how_to_take_up(plugins: Iterable[Plugin]) -> str:
    """What brings those of `plugins` back that were left out on purpose, for an error's hint; empty: none was.

    Which engines they have is not known: they are not imported. Raises `UsageError` as `disabled` does.
    """
    out = [plugin for plugin in plugins if plugin.error == DISABLED]
    chosen = disabled() if out else []
    hints = [f"Unset {NO_PLUGINS}: it leaves all plugins out."] if out and _leaves_all_out() else []
    if for_good := [plugin.name for plugin in out if plugin.name in chosen or plugin.distribution in chosen]:
        names = " ".join(f"--enable {name}" for name in for_good)
        hints.append(f"To take up what is disabled: workbench plugins {names}")
    elif out and not hints:
        hints = [f"Left out with --no-plugin: {', '.join(plugin.name for plugin in out)}."]
    return " ".join(hints)


def how_to_install(kind: StageKind) -> str:
    """What brings an engine of `kind` where none is installed, for an error's hint."""
    package = PACKAGES.get(kind)
    one = f"To install one: pip install {package}. " if package else ""
    return f"{one}To see what else is missing: workbench doctor"


def load(disabled: Collection[str] = (), *, builtin_only: bool | None = None) -> Registry:
    """Load every plugin but `disabled`, named by entry point or distribution.

    `builtin_only` keeps to the workbench's own engines; None asks WORKBENCH_NO_PLUGINS, which disables all others.
    """
    disables_all = builtin_only is None and _leaves_all_out()
    registry = Registry()
    for entry in sorted(entry_points(group=GROUP), key=lambda e: (e.name != BUILTIN, e.name)):
        distribution, version = (entry.dist.name, entry.dist.version) if entry.dist else ("", "")
        if entry.name in disabled or distribution in disabled or (disables_all and entry.name != BUILTIN):
            registry.plugins.append(Plugin(entry.name, distribution, version, DISABLED))
        elif entry.name == BUILTIN or not builtin_only:
            registry.add(Plugin(entry.name, distribution, version), entry.load)
    return registry


def _leaves_all_out() -> bool:
    return os.environ.get(NO_PLUGINS, "") not in ("", "0")


def _collect(load_module: Callable[[], Any]) -> list[EngineClass]:
    """Run one plugin's hooks, apart from all others: pluggy's first exception would end them all."""
    found: list[EngineClass] = []

    def register(engine: EngineClass) -> None:
        _check(engine)
        found.append(engine)

    manager = pluggy.PluginManager(GROUP)
    manager.add_hookspecs(hookspecs)
    manager.register(load_module())
    manager.check_pending()
    manager.hook.register_engines(register=register)
    return found


def _check(engine: Any) -> None:
    if not (isinstance(engine, type) and issubclass(engine, (Engine, Capture, Exporter))):
        raise TypeError(f"register() takes an engine class, not {engine!r}")
    for attribute, expected in (("kind", StageKind), ("name", str)):
        if not isinstance(getattr(engine, attribute, None), expected):
            raise TypeError(f"{engine.__name__} has no {attribute}")
    if not issubclass(engine.Options, Options):
        raise TypeError(f"{engine.__name__}.Options is not derived from workbench.Options")
    if issubclass(engine, Exporter) and not getattr(engine, "formats", ()):
        raise TypeError(f"{engine.__name__} has no formats")
    if missing := getattr(engine, "__abstractmethods__", None):
        raise TypeError(f"{engine.__name__} does not implement {', '.join(sorted(missing))}")
