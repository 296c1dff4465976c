"""The plugin screen, on a live session with small engines."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests import fakes
from tests.tui.conftest import SIZES, FakeLive, drive, lines
from tests.tui.small_engines import Ears, small_registry
from workbench import plugins
from workbench.engines import StageKind
from workbench.live import Live, StageStatus
from workbench.models.states import ModelState, Phase
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.schema import Profile, load_profile, parse_profile
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.engine_settings import EngineSettings
from workbench.tui.screens.plugins import PluginsScreen
from workbench.tui.widgets.options_form import OptionRow

Make = Callable[..., WorkbenchApp]
OWN = """\
schema = 1 # always
name = "own"
[vad]
engine = "gate"
[asr]
engine = "ears"
[asr.options]
beam_size = 3 # wide
[live]
interim = false
"""


@pytest.fixture
def registry(folders: Path) -> Registry:
    return small_registry()


@pytest.fixture
def own() -> Path:
    return store.write_text("own", OWN)


@pytest.fixture
def run(make: Make, registry: Registry) -> Callable[..., None]:
    """Drive the plugin screen of a real live session with `profile`."""

    def run(test: Any, profile: Profile, size: tuple[int, int] = SIZES["small"]) -> None:
        app = make("plugins", on=Live(profile, registry))

        async def with_screen(pilot: Pilot[int]) -> None:
            screen = cast(PluginsScreen, app.screen)
            await fakes.until(lambda: bool(screen._table.shown))
            await pilot.pause()
            await test(pilot, app, screen)

        drive(app, with_screen, size)

    return run


def state_of(screen: PluginsScreen, name: str) -> str:
    return next(row.state for row in screen._table.shown.values() if row.name == name)


async def go_to(pilot: Pilot[int], screen: PluginsScreen, name: str) -> None:
    place = [row.name for row in screen._table.shown.values()].index(name)
    await pilot.press("g", *["j"] * place)
    assert screen.current is not None
    assert screen.current.name == name


def content(path: Path) -> str:
    return path.read_text("utf-8")


def told(app: WorkbenchApp) -> str:
    return "\n".join(f"{notice.message} {notice.hint}" for notice in app.notices)


def test_every_engine_is_listed_with_its_state_and_why_a_plugin_failed(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        assert [(row.name, row.state) for row in screen._table.shown.values()] == [
            ("gate", "ON"),
            ("ears", "ON"),
            ("other-ears", "ON"),
            ("deaf", "ON"),
            ("old", "ERR ✗"),
            ("quiet", "OFF"),
        ]
        await go_to(pilot, screen, "old")
        await pilot.pause()
        assert any("no luck at import" in line for line in lines(app))
        await go_to(pilot, screen, "ears")
        await pilot.pause()
        assert any("Chosen by profile own: beam_size = 3" in line for line in lines(app))

    run(test, load_profile(own))


def test_engines_are_seen_in_the_smallest_terminal(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        assert sum(" ON " in line for line in lines(app)) >= 3

    run(test, load_profile(own), (60, 15))


def test_a_plugin_is_left_out_from_the_next_start_on_and_taken_up_again(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        await pilot.press("x")
        await fakes.until(lambda: state_of(screen, "ears") == "ON→OFF")
        assert state_of(screen, "other-ears") == "ON→OFF"
        assert plugins.disabled() == ["ears", "quiet"]
        assert "from the next start on" in told(app)
        assert "Profile own cannot be used: it names ears." in told(app)
        assert "workbench plugins --enable ears" in told(app)
        assert "e Enable" in lines(app)[-1]
        await pilot.press("e")
        await fakes.until(lambda: state_of(screen, "ears") == "ON")
        assert "ears, other-ears" in told(app)
        await pilot.pause()
        assert "x Disable" in lines(app)[-1]
        await go_to(pilot, screen, "quiet")
        await pilot.press("e")
        await fakes.until(lambda: state_of(screen, "quiet") == "OFF→ON")
        assert plugins.disabled() == []

    run(test, load_profile(own))


def test_of_an_engine_that_is_loaded_anew_the_model_that_comes_is_shown(busy: FakeLive, make: Make) -> None:
    async def test(pilot: Pilot[int]) -> None:
        screen = cast(PluginsScreen, app.screen)
        await fakes.until(lambda: screen.current is not None)
        old, new = (ModelState(StageKind.ASR, "ears", model, Phase.READY) for model in ("tiny", "base"))
        for states, model in (
            ((old, replace(new, phase=Phase.LOADING)), "base loading ◌"),
            ((replace(old, phase=Phase.UNLOADING), new), "base ready ✓"),
            ((old, replace(new, phase=Phase.FAILED)), "tiny ready ✓"),
            ((new,), "base ready ✓"),
        ):
            busy.become(*states)
            await pilot.pause()
            (row,) = (row for row in screen._table.shown.values() if row.name == "ears")
            assert row.model == model
            assert any(model in line and " ears " in line for line in lines(app))

    drive(app := make("plugins"), test, SIZES["medium"])


def test_what_cannot_be_left_out_is_told_and_ends_nothing(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "gate")
        await pilot.press("x")
        await fakes.until(lambda: "own engines cannot be left out" in told(app))
        assert state_of(screen, "gate") == "ON"

    run(test, load_profile(own))


def test_slash_leaves_the_engines_with_that_text(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await pilot.press("slash", *"ears", "enter")
        await pilot.pause()
        assert [row.name for row in screen._table.shown.values()] == ["ears", "other-ears"]
        await pilot.press("n")
        assert screen.current is not None
        assert screen.current.name == "other-ears"
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert len(screen._table.shown) == 6

    run(test, load_profile(own))


async def with_form(pilot: Pilot[int], app: WorkbenchApp) -> EngineSettings:
    await pilot.press("enter")
    await fakes.until(lambda: isinstance(app.screen, EngineSettings))
    await pilot.pause()
    return cast(EngineSettings, app.screen)


async def type_beam_size(pilot: Pilot[int], form: EngineSettings, text: str) -> None:
    row = next(row for row in form.query(OptionRow) if row.key == "beam_size")
    field = row.query_one(Input)
    field.focus()
    field.value = ""
    await pilot.press(*text)
    await pilot.pause()


def test_settings_are_applied_to_what_runs_and_to_no_file(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        await type_beam_size(pilot, await with_form(pilot, app), "7")
        await pilot.press("f3")
        await fakes.until(lambda: "ears is at work" in told(app))
        assert app.live.profile.stages()["asr"].options == {"beam_size": 7}
        assert Ears.made[-1].beam_size == 7
        assert content(own) == OWN
        await fakes.until(
            lambda: any(row.model == "ready ✓" for row in screen._table.shown.values() if row.name == "ears")
        )

    run(test, load_profile(own))


def test_settings_are_saved_with_the_comments_around_them(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        await type_beam_size(pilot, await with_form(pilot, app), "7")
        await pilot.press("f4")
        await fakes.until(lambda: "ears is at work" in told(app))
        assert content(own) == OWN.replace("beam_size = 3", "beam_size = 7")
        assert app.live.profile.source == str(own)

    run(test, load_profile(own))


def test_settings_of_a_profile_that_is_no_file_are_saved_under_a_name_that_is_chosen(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        await type_beam_size(pilot, await with_form(pilot, app), "7")
        await pilot.press("f4", *"own", "enter")
        await pilot.pause()
        assert any("is there already" in line for line in lines(app))
        await pilot.press("2", "enter")
        await fakes.until(lambda: "ears is at work" in told(app))
        saved = store.load("own2")
        assert saved.name == "own2"
        assert saved.stages()["asr"].options == {"beam_size": 7}
        assert store.current_name()[0] == "own2"
        assert content(own) == OWN

    auto = {"schema": 1, "name": "auto", "vad": {"engine": "gate"}, "asr": {"engine": "ears"}}
    run(test, Profile.model_validate(auto))


def test_wrong_settings_cannot_be_applied(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        form = await with_form(pilot, app)
        await type_beam_size(pilot, form, "0")
        await pilot.press("f3")
        await pilot.pause()
        assert app.screen is form
        assert any("must be at least 1" in line for line in lines(app))

    run(test, load_profile(own))


@pytest.mark.parametrize("size", [(60, 15), SIZES["small"]])
def test_a_form_that_is_longer_than_the_screen_leaves_room_for_what_to_do(
    run: Any, own: Path, size: tuple[int, int]
) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "gate")
        form = await with_form(pilot, app)
        assert any("Apply and save" in line for line in lines(app))
        last = list(form.query(OptionRow))[-1].query_one(Input)
        last.focus()
        await pilot.pause()
        assert any("max_speech_s" in line for line in lines(app))

    run(test, load_profile(own), size)


def test_changed_settings_are_left_only_after_a_question(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        form = await with_form(pilot, app)
        await pilot.press("escape")
        assert cast(Any, app.screen) is screen
        form = await with_form(pilot, app)
        await type_beam_size(pilot, form, "9")
        await pilot.press("escape", "escape")
        assert app.screen is form
        await pilot.press("escape", "d")
        await pilot.pause()
        assert app.screen is screen
        assert app.live.profile.stages()["asr"].options == {"beam_size": 3}

    run(test, load_profile(own))


def test_another_engine_takes_a_stage_over_while_it_runs(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "ears")
        await pilot.press("s", "down", "enter")
        await fakes.until(lambda: "other-ears is at work" in told(app))
        assert [state.engine for state in app.live.states if state.kind is StageKind.ASR] == ["other-ears"]

    run(test, load_profile(own))


def test_where_another_engine_cannot_be_loaded_the_old_one_goes_on(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: PluginsScreen) -> None:
        await go_to(pilot, screen, "deaf")
        await pilot.press("s", "enter")
        await fakes.until(lambda: "the weights are damaged" in told(app))
        assert "deaf is at work" not in told(app)
        assert app.live.profile.stages()["asr"].engine == "ears"

    run(test, load_profile(own))


def stage(engine: str, kind: StageKind, **counts: Any) -> StageStatus:
    values = {"latency_p50_s": 0.0, "latency_p95_s": 0.0, "depth": 0, "high_water": 0, "dropped": 0, "failed": 0}
    return StageStatus(kind=kind, engine=engine, model="", **(values | counts))


@pytest.fixture
def busy(live: FakeLive, registry: Registry) -> FakeLive:
    """Engines that have worked, one that loads, and one that failed."""
    live.registry = registry
    live.profile = parse_profile(OWN, "own.toml")
    live.states = (
        ModelState(StageKind.VAD, "gate", "", Phase.READY),
        ModelState(StageKind.ASR, "ears", "tiny.en", Phase.READY, next="other-ears 大模型"),
        ModelState(StageKind.ASR, "other-ears", "大模型", Phase.DOWNLOADING, done=30, total=60),
        ModelState(StageKind.ASR, "deaf", "", Phase.FAILED, message="the weights are damaged\nFetch them anew."),
    )
    gate = stage("gate", StageKind.VAD, latency_p95_s=0.003, calls=9100)
    ears = stage("ears", StageKind.ASR, latency_p95_s=0.64, calls=412, failed=3)
    live.given = replace(live.given, stages=(gate, ears))
    return live


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_looks_as_it_should(busy: FakeLive, make: Make, snap_compare: Any, size: str) -> None:
    assert snap_compare(make("plugins"), terminal_size=SIZES[size], run_before=_to("deaf"))


def test_states_are_told_apart_without_colour(
    busy: FakeLive, make: Make, snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make("plugins"), terminal_size=SIZES["medium"], run_before=_to("ears"))


def test_the_form_looks_as_it_should(busy: FakeLive, make: Make, snap_compare: Any) -> None:
    assert snap_compare(make("plugins"), terminal_size=SIZES["small"], run_before=_to("ears", "enter"))


def test_the_screen_speaks_chinese(busy: FakeLive, make: Make, snap_compare: Any) -> None:
    from workbench.tui import texts

    texts.use("zh")
    assert snap_compare(make("plugins"), terminal_size=SIZES["small"], run_before=_to("ears"))


def _to(name: str, *keys: str) -> Any:
    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, WorkbenchApp)
        await fakes.until(lambda: isinstance(app.screen, PluginsScreen) and bool(app.screen.query("EngineTable")))
        await fakes.until(lambda: cast(PluginsScreen, app.screen).current is not None)
        await pilot.pause()
        await go_to(pilot, cast(PluginsScreen, app.screen), name)
        await pilot.press(*keys)
        await pilot.pause()

    return before


def test_a_change_of_state_is_shown_at_once_and_nothing_is_drawn_when_nothing_changes(
    busy: FakeLive, make: Make
) -> None:
    async def test(pilot: Pilot[int]) -> None:
        screen = cast(PluginsScreen, app.screen)
        await fakes.until(lambda: bool(screen._table.shown))
        busy.become(ModelState(StageKind.ASR, "ears", "tiny.en", Phase.UNLOADING))
        await pilot.pause()
        assert any("tiny.en unloading" in line for line in lines(app))
        drawn = threading.Event()
        screen._table.refresh = lambda *_, **__: drawn.set()  # type: ignore[method-assign, assignment]
        screen.look()
        await pilot.pause()
        assert not drawn.is_set()

    drive(app := make("plugins"), test, SIZES["medium"])
