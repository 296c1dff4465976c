"""The profile screen, on a live session with small engines and on made-up machines."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import OptionList, TextArea

from tests import fakes
from tests.tui.conftest import SIZES, FakeLive, drive, lines
from tests.tui.small_engines import Ears, small_registry
from workbench.live import Live
from workbench.plugins import Registry
from workbench.profiles import store
from workbench.profiles.hardware import CoreHardwareDetector, HardwareInfo
from workbench.profiles.schema import Profile
from workbench.tui import texts
from workbench.tui.app import WorkbenchApp
from workbench.tui.screens.ask import Ask
from workbench.tui.screens.profile import ProfileScreen

Make = Callable[..., WorkbenchApp]
OWN = """\
schema = 1 # always
name = "own"
[hardware]
cpu_threads = 64
[vad]
engine = "gate"
[asr]
engine = "ears"
[asr.options]
beam_size = 3 # wide
[settings]
language = "de"
"""
LAPTOP = tomllib.loads((Path(__file__).parents[1] / "hardware" / "laptop-no-gpu.toml").read_text("utf-8"))


@pytest.fixture(autouse=True)
def laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine is a certain laptop."""
    hardware = HardwareInfo(**LAPTOP["hardware"])
    monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: hardware)


@pytest.fixture
def registry(folders: Path) -> Registry:
    return small_registry()


@pytest.fixture
def small(live: FakeLive, registry: Registry) -> None:
    """The session that does nothing has small engines."""
    live.registry = registry


@pytest.fixture
def own(folders: Path) -> Path:
    return store.write_text("own", OWN)


@pytest.fixture
def run(make: Make, registry: Registry) -> Callable[..., None]:
    """Drive the profile screen of a real live session, from where a profile is shown."""

    def run(test: Any, size: tuple[int, int] = SIZES["small"]) -> None:
        running = {"schema": 1, "name": "quick", "vad": {"engine": "gate"}, "asr": {"engine": "ears"}}
        app = make("profile", on=Live(Profile.model_validate(running), registry))

        async def with_screen(pilot: Pilot[int]) -> None:
            screen = cast(ProfileScreen, app.screen)
            await fakes.until(lambda: screen._chosen is not None)
            await pilot.pause()
            await test(pilot, app, screen)

        drive(app, with_screen, size)

    return run


async def go_to(pilot: Pilot[int], screen: ProfileScreen, name: str) -> None:
    profiles = screen.query_one("#profiles", OptionList)
    place = [option.id for option in profiles.options].index(name)
    await pilot.press("g", *["j"] * place)
    await fakes.until(lambda: screen._chosen is not None and screen._chosen.name == name)
    await pilot.pause()


async def edit(pilot: Pilot[int], screen: ProfileScreen, name: str) -> TextArea:
    await go_to(pilot, screen, name)
    await pilot.press("e")
    await pilot.pause()
    await fakes.until(lambda: screen.is_editing)
    return screen.query_one(TextArea)


async def fit_shows(pilot: Pilot[int], app: WorkbenchApp, text: str) -> None:
    """Wait until `text` is on the screen."""
    while not any(text in line for line in lines(app)):
        await pilot.pause()


def told(app: WorkbenchApp) -> str:
    return "\n".join(f"{notice.message} {notice.hint}" for notice in app.notices)


def test_the_machine_and_all_profiles_are_shown(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        names = [option.id for option in screen.query_one("#profiles", OptionList).options]
        assert names == ["auto", "apple-silicon", "cpu", "laptop-gpu", "own", "workstation-gpu"]
        shown = "\n".join(lines(app))
        assert "▶ auto" in shown
        assert "GPU  none" in shown
        assert 'engine = "faster-whisper"' in shown
        assert "Fits: yes." in shown

    run(test)


def test_a_profile_for_a_gpu_does_not_fit_a_machine_without_one_and_is_only_used_after_a_question(run: Any) -> None:
    store.write_text("gpu", OWN.replace("beam_size = 3 # wide", 'device = "cuda"'))

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await go_to(pilot, screen, "gpu")
        shown = "\n".join(lines(app))
        assert "Fits: no." in shown
        assert "this machine has no NVIDIA GPU" in shown
        assert "Use auto" in shown
        await pilot.press("u")
        await fakes.until(lambda: isinstance(app.screen, Ask))
        await pilot.press("escape")
        await fakes.until(lambda: app.screen is screen)
        assert store.current_name()[0] == "auto"
        await pilot.press("u")
        await fakes.until(lambda: isinstance(app.screen, Ask))
        await pilot.press("u")
        await fakes.until(lambda: store.current_name()[0] == "gpu")

    run(test, SIZES["large"])


def test_what_differs_from_the_default_is_marked(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await go_to(pilot, screen, "own")
        shown = lines(app)
        assert any('* engine = "ears"   # auto: "faster-whisper"' in line for line in shown)
        assert any("! profile 'own' was made for 64 CPU threads" in line for line in shown)
        await pilot.press("d")
        await pilot.pause()
        assert any('asr.engine: "faster-whisper" → "ears"' in line for line in lines(app))
        await pilot.press("d")
        await pilot.pause()
        assert not any("→ " in line for line in lines(app)[1:])

    run(test, SIZES["large"])


def test_a_profile_with_mistakes_shows_all_of_them(run: Any, own: Path) -> None:
    store.write_text("bad", OWN.replace("beam_size", "beem_size").replace("cpu_threads", "cpu_thraeds"))

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await go_to(pilot, screen, "bad")
        shown = "\n".join(lines(app))
        assert "did you mean 'beam_size'?" in shown
        assert "did you mean 'cpu_threads'?" in shown
        await pilot.press("u")
        await fakes.until(lambda: "2 mistakes" in told(app))
        assert store.current_name()[0] == "auto"

    run(test, SIZES["large"])


def test_a_profile_is_chosen_for_the_next_start_and_applied_at_once(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await go_to(pilot, screen, "own")
        await pilot.press("u")
        await fakes.until(lambda: "own is applied" in told(app))
        assert store.current_name()[0] == "own"
        assert app.live.profile.name == "own"
        assert app.live.settings.language == "de"
        assert Ears.made[-1].beam_size == 3

    run(test)


def test_where_engines_cannot_be_loaded_those_in_use_go_on(run: Any, own: Path) -> None:
    store.write_text("broken", OWN.replace('engine = "ears"', 'engine = "deaf"'))

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await go_to(pilot, screen, "broken")
        await pilot.press("A")
        await fakes.until(lambda: "the weights are damaged" in told(app))
        assert app.live.profile.name == "quick"

    run(test)


def test_mistakes_are_told_while_typing_and_enter_goes_to_the_line(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        area = await edit(pilot, screen, "own")
        await fit_shows(pilot, app, "no mistakes")
        area.move_cursor((9, 0))
        await pilot.press(*"beem_size = 1")
        await pilot.press("enter")
        await fit_shows(pilot, app, "line 10: asr.options.beem_size")
        assert any("did you mean 'beam_size'?" in line for line in lines(app))
        area.move_cursor((0, 0))
        await pilot.press("tab", "enter")
        assert app.focused is area
        assert area.cursor_location == (9, 0)
        await pilot.press("f3")
        await fakes.until(lambda: "unknown option" in told(app))
        assert screen.is_editing
        assert content(own) == OWN

    run(test, SIZES["large"])


def content(path: Path) -> str:
    return path.read_text("utf-8")


def test_an_own_profile_is_saved_with_its_comments(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        area = await edit(pilot, screen, "own")
        area.replace("4", (9, 12), (9, 13))
        await pilot.press("f3")
        await fakes.until(lambda: not screen.is_editing)
        assert content(own) == OWN.replace("beam_size = 3 # wide", "beam_size = 4 # wide")
        assert app.focused is screen.query_one("#profiles")

    run(test)


def test_of_a_preset_a_copy_is_saved_under_a_name_that_is_asked_for(run: Any, own: Path) -> None:

    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        area = await edit(pilot, screen, "cpu")
        area.text = '# mine now\nschema = 1\nname = "cpu"\n'
        await pilot.press("f3")
        await pilot.press("backspace", "backspace", "backspace", *"own", "enter")
        await pilot.pause()
        assert any("is there already" in line for line in lines(app))
        await pilot.press("2", "enter")
        await fakes.until(lambda: not screen.is_editing)
        assert content(store.user_path("own2")).startswith("# mine now\n")
        await fakes.until(lambda: screen._chosen is not None and screen._chosen.name == "own2")
        assert screen._chosen is not None
        assert screen._chosen.is_own

    run(test)


def test_changes_are_left_only_after_a_question(run: Any, own: Path) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await edit(pilot, screen, "own")
        await pilot.press("escape")
        await fakes.until(lambda: not screen.is_editing)
        await edit(pilot, screen, "own")
        await pilot.press("x", "escape", "escape")
        assert screen.is_editing
        await pilot.press("escape", "d")
        await fakes.until(lambda: not screen.is_editing)
        assert content(own) == OWN
        await edit(pilot, screen, "own")
        await pilot.press("#", "enter", "escape", "s")
        await fakes.until(lambda: not screen.is_editing)
        assert content(own) == "#\n" + OWN

    run(test)


def test_what_is_not_saved_at_the_end_is_gone_on_with(run: Any, own: Path) -> None:
    async def end(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        await edit(pilot, screen, "own")
        await pilot.press("#", "enter")
        await app.action_quit()

    async def go_on(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        area = await edit(pilot, screen, "own")
        assert area.text == "#\n" + OWN
        assert "Going on with the draft" in told(app)
        await pilot.press("f3")
        await fakes.until(lambda: not screen.is_editing)
        assert not store.draft_file("own").exists()

    run(end)
    assert content(own) == OWN
    run(go_on)
    assert content(own) == "#\n" + OWN


def test_detecting_again_takes_in_what_has_changed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(pilot: Pilot[int], app: WorkbenchApp, screen: ProfileScreen) -> None:
        other = HardwareInfo(cpu_cores=1, cpu_threads=1, problems=("GPU: the driver does not answer",))
        monkeypatch.setattr(CoreHardwareDetector, "detect", lambda self: other)
        await pilot.press("D")
        await fakes.until(lambda: "the driver does not answer" in told(app))
        await fit_shows(pilot, app, "1 core / 1 thread")

    run(test)


@pytest.mark.parametrize("size", SIZES)
def test_the_screen_looks_as_it_should(make: Make, small: None, own: Path, snap_compare: Any, size: str) -> None:
    assert snap_compare(make("profile"), terminal_size=SIZES[size], run_before=_to("own"))


def test_marks_are_seen_without_colour(
    make: Make, small: None, own: Path, snap_compare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(make("profile"), terminal_size=SIZES["medium"], run_before=_to("own"))


def test_the_editor_looks_as_it_should(make: Make, small: None, own: Path, snap_compare: Any) -> None:
    async def before(pilot: Pilot[int]) -> None:
        await _to("own", "e")(pilot)
        await pilot.press(*"中 文 = 1")
        assert isinstance(pilot.app, WorkbenchApp)
        await fit_shows(pilot, pilot.app, "line 1")

    assert snap_compare(make("profile"), terminal_size=SIZES["small"], run_before=before)


def test_the_screen_speaks_chinese(make: Make, small: None, own: Path, snap_compare: Any) -> None:
    texts.use("zh")
    assert snap_compare(make("profile"), terminal_size=SIZES["medium"], run_before=_to("auto"))


def _to(name: str, *keys: str) -> Any:
    async def before(pilot: Pilot[int]) -> None:
        app = pilot.app
        assert isinstance(app, WorkbenchApp)
        await fakes.until(lambda: isinstance(app.screen, ProfileScreen) and app.screen._chosen is not None)
        await pilot.pause()
        await go_to(pilot, cast(ProfileScreen, app.screen), name)
        await pilot.press(*keys)
        await pilot.pause()

    return before
