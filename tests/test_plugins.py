"""Finding plugins, in distributions that are really installed on a path of the test's own."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import ModuleType

import pytest

from workbench import plugins
from workbench.engines import StageKind
from workbench.errors import UnknownEngine
from workbench.plugins import Plugin, Registry

ENGINE = """
from collections.abc import Iterable
import workbench

class {name}(workbench.Translator):
    name = "{engine}"
    def process(self, item, state):
        return []

@workbench.hookimpl
def register_engines(register):
    register({name})
"""

Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of one module with that code."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("WORKBENCH_NO_PLUGINS", raising=False)
    modules: list[str] = []

    def install(distribution: str, code: str) -> None:
        module = distribution.replace("-", "_")
        modules.append(module)
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(code))
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        (info / "entry_points.txt").write_text(f"[workbench]\n{distribution} = {module}\n")

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def _plugin(registry: Registry, name: str) -> Plugin:
    return next(plugin for plugin in registry.plugins if plugin.name == name)


def test_a_plugin_is_found_by_its_entry_point(install: Install) -> None:
    install("wb-shout", ENGINE.format(name="Shout", engine="wb-shout"))
    registry = plugins.load()
    assert _plugin(registry, "wb-shout") == Plugin("wb-shout", "wb-shout", "1.2")
    found = registry.find(StageKind.TRANSLATION, "wb-shout")
    assert found.__name__ == "Shout"
    assert registry.engines(StageKind.TRANSLATION)["wb-shout"] is found
    assert "wb-shout" not in registry.engines(StageKind.ASR)


def test_the_builtin_plugin_comes_first(install: Install) -> None:
    install("aaa", ENGINE.format(name="First", engine="aaa"))
    assert plugins.load().plugins[0].name == "builtin"


BROKEN = {
    "import": ("import no_such_module_anywhere", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "exit": ("raise SystemExit('not today')", "SystemExit: not today"),
    "base": ("class Odd(BaseException): pass\nraise Odd('odd')", "Odd: odd"),
    "syntax": ("def broken(:", "SyntaxError"),
    "hook": (
        "import workbench\n@workbench.hookimpl\ndef register_engines(register): raise ValueError('in the hook')",
        "ValueError: in the hook",
    ),
    "misspelt": (
        "import workbench\n@workbench.hookimpl\ndef register_engine(register): ...",
        "PluginValidationError: unknown hook 'register_engine'",
    ),
    "argument": (
        "import workbench\n@workbench.hookimpl\ndef register_engines(add): ...",
        "PluginValidationError",
    ),
    "instance": (
        "import workbench\n@workbench.hookimpl\ndef register_engines(register): register('engine')",
        "TypeError: register() takes an engine class, not 'engine'",
    ),
    "stranger": (
        "import workbench\n@workbench.hookimpl\ndef register_engines(register): register(dict)",
        "TypeError: register() takes an engine class, not <class 'dict'>",
    ),
    "abstract": (
        "import workbench\nclass Half(workbench.Translator):\n    name = 'half'\n"
        "@workbench.hookimpl\ndef register_engines(register): register(Half)",
        "TypeError: Half does not implement process",
    ),
    "nameless": (
        "import workbench\nclass Mute(workbench.Translator):\n    def process(self, item, state): return []\n"
        "@workbench.hookimpl\ndef register_engines(register): register(Mute)",
        "TypeError: Mute has no name",
    ),
    "kindless": (
        "import workbench\nclass Any(workbench.Stateless):\n    name = 'any'\n    kind = 'asr'\n"
        "    def process(self, item, state): return []\n"
        "@workbench.hookimpl\ndef register_engines(register): register(Any)",
        "TypeError: Any has no kind",
    ),
    "options": (
        "import workbench\nclass Odd(workbench.Translator):\n    name = 'odd'\n    class Options: ...\n"
        "    def process(self, item, state): return []\n"
        "@workbench.hookimpl\ndef register_engines(register): register(Odd)",
        "TypeError: Odd.Options is not derived from workbench.Options",
    ),
}


@pytest.mark.parametrize(("code", "error"), BROKEN.values(), ids=BROKEN)
def test_a_broken_plugin_is_named_and_left_out_and_the_rest_works(install: Install, code: str, error: str) -> None:
    install("wb-broken", code)
    install("wb-whole", ENGINE.format(name="Whole", engine="wb-whole"))
    registry = plugins.load()
    assert error in _plugin(registry, "wb-broken").error
    assert not _plugin(registry, "wb-whole").error
    assert "wb-whole" in registry.engines(StageKind.TRANSLATION)
    with pytest.raises(UnknownEngine, match="plugin 'wb-broken' is left out"):
        registry.find(StageKind.TRANSLATION, "wb-broken")


@pytest.mark.parametrize(
    ("code", "has_traceback"),
    [
        ("from workbench.errors import MissingError\nraise MissingError('no such library')", False),
        ("raise ValueError('a bug')", True),
    ],
)
def test_the_log_has_the_traceback_of_a_plugin_that_may_have_a_bug(
    install: Install, caplog: pytest.LogCaptureFixture, code: str, has_traceback: bool
) -> None:
    install("wb-broken", code)
    plugins.load()
    assert "plugin wb-broken is left out: " in caplog.text
    assert ("Traceback" in caplog.text) is has_traceback


def test_nothing_of_a_plugin_that_fails_half_way_is_used(install: Install) -> None:
    install("wb-half", ENGINE.format(name="Half", engine="wb-half") + "    raise ValueError('after the first')")
    registry = plugins.load()
    assert "wb-half" not in registry.engines(StageKind.TRANSLATION)


def test_an_interrupt_while_plugins_load_is_not_a_broken_plugin(install: Install) -> None:
    install("wb-slow", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        plugins.load()


def test_of_two_engines_with_one_name_neither_is_used_and_both_plugins_are_named(install: Install) -> None:
    install("wb-one", ENGINE.format(name="One", engine="wb-same"))
    install("wb-two", ENGINE.format(name="Two", engine="wb-same"))
    registry = plugins.load()
    assert "wb-same" not in registry.engines(StageKind.TRANSLATION)
    with pytest.raises(UnknownEngine, match="both wb-one and wb-two have a translation engine 'wb-same'"):
        registry.find(StageKind.TRANSLATION, "wb-same")
    errors = {r.plugin.distribution: r.error for r in registry.registrations if r.name == "wb-same"}
    assert errors["wb-one"] == errors["wb-two"] != ""


@pytest.mark.parametrize("disabled", [{"wb-shout"}, {"wb-other", "wb-shout"}])
def test_a_disabled_plugin_is_not_even_imported(install: Install, disabled: set[str]) -> None:
    install("wb-shout", "raise AssertionError('imported')")
    registry = plugins.load(disabled)
    assert _plugin(registry, "wb-shout").error == "disabled"


@pytest.mark.parametrize(("value", "only_builtin"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_an_environment_variable_leaves_all_plugins_out(
    install: Install, monkeypatch: pytest.MonkeyPatch, value: str, only_builtin: bool
) -> None:
    install("wb-shout", ENGINE.format(name="Shout", engine="wb-shout"))
    monkeypatch.setenv("WORKBENCH_NO_PLUGINS", value)
    registry = plugins.load()
    assert not _plugin(registry, "builtin").error
    assert _plugin(registry, "wb-shout").error == ("disabled" if only_builtin else "")
    assert "wb-shout" in [plugin.name for plugin in plugins.load(builtin_only=False).plugins]


def _identity(module: ModuleType) -> ModuleType:
    return module


def _registry(*names: str) -> Registry:
    registry = Registry()
    for name in names:
        module = ModuleType(name)
        exec(ENGINE.format(name="Made", engine=name), vars(module))
        registry.add(Plugin(name, name, "1"), partial(_identity, module))
    return registry


def test_an_unknown_engine_is_answered_with_the_closest_or_all_installed_ones() -> None:
    registry = _registry("bergamot", "marian")
    with pytest.raises(UnknownEngine, match="no translation engine is called 'bergamt'") as caught:
        registry.find(StageKind.TRANSLATION, "bergamt")
    assert caught.value.hint == "Did you mean 'bergamot'?"
    with pytest.raises(UnknownEngine) as caught:
        registry.find(StageKind.TRANSLATION, "zzz")
    assert caught.value.hint == "Installed: bergamot, marian."
    with pytest.raises(UnknownEngine) as caught:
        Registry().find(StageKind.ASR, "zzz")
    assert caught.value.hint == "Installed: none."
