"""Keys can be changed in interface.toml, and mistakes in it are told without being in the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.binding import Binding
from textual.pilot import Pilot

from tests import fakes
from tests.tui.conftest import FakeLive, drive, lines
from workbench.live import LivePhase
from workbench.tui import keymap
from workbench.tui.app import WorkbenchApp
from workbench.tui.choices import Choices


@pytest.fixture
def write() -> Callable[[str], Path]:
    def write(text: str) -> Path:
        keymap.keys_file().write_text(text, "utf-8")
        return keymap.keys_file()

    return write


Write = Callable[[str], Path]
KNOWN = {
    "app.quit": Binding("q,ctrl+c", "quit", id="app.quit"),
    "live.stop": Binding("s", "stop", id="live.stop"),
    "live.pause": Binding("space", "pause", id="live.pause"),
    "plugins.sort": Binding("s", "sort", id="plugins.sort"),
}


# the keys that come along


def test_every_action_has_a_key_that_works_in_every_terminal() -> None:
    assert not [binding for binding in keymap.bindings().values() if keymap.only_reserved(binding)]


def test_every_id_names_where_it_holds_and_what_it_does() -> None:
    assert all(len(id.split(".")) == 2 for id in keymap.bindings())


def test_all_bindings_of_the_interface_have_an_id_and_are_described() -> None:
    for owner in keymap._owners():
        for binding in vars(owner).get("BINDINGS", ()):
            assert isinstance(binding, Binding), f"{owner}: {binding}"
            assert binding.id, f"{owner.__name__}: {binding.key}"
            assert binding.description, binding.id


def test_what_moves_in_lists_is_not_lost_on_screens_of_their_own() -> None:
    assert {"list.down", "list.up", "list.first", "list.last", "app.quit", "frame.find"} <= keymap.bindings().keys()


# the file


def test_without_a_file_there_is_nothing_to_tell() -> None:
    assert keymap.load() == ({}, [])


@pytest.mark.parametrize(
    "text", ['[keys]\n"live.stop" = "s,f5"\n', '[keys]\nlive.stop = "s,f5"\n', '[keys.live]\nstop = "s,f5"']
)
def test_keys_are_given_by_the_id_of_their_action(write: Write, text: str) -> None:
    write(text)
    assert keymap.load() == ({"live.stop": "s,f5"}, [])


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('[keys]\n"live.stop" = "s"\n"live.pause" = \n', 3, "Invalid value"),
        ('[keys]\n"live.stop" = "s\n', 2, "Illegal character"),
        ('\n[keyz]\n"live.stop" = "s"\n', 2, "no such table (did you mean 'keys'?)"),
        ('[keys]\n\n"live.stop" = 5\n', 3, 'live.stop: write keys as text, such as "s,f5"'),
        ('[keys]\n"live.stop" = "ctrl+shft+x"\n', 2, "live.stop: 'ctrl+shft+x' is no key"),
        ('[keys]\n"live.stop" = "pgdwn"\n', 2, "live.stop: 'pgdwn' is no key"),
        ('[keys]\nlive.stop = "s,,f5"\n', 2, "live.stop: '' is no key"),
    ],
)
def test_a_mistake_is_told_with_its_line(write: Write, text: str, line: int, what: str) -> None:
    path = write(text)
    keys, problems = keymap.load()
    assert keys == {} or "live.stop" not in keys or "keyz" in text
    assert [problem for problem in problems if problem.startswith(f"{path}:{line}: {what}")], problems


def test_what_is_right_beside_a_mistake_holds(write: Write) -> None:
    write('[keys]\n"live.stop" = "x"\n"live.pause" = 5\n')
    keys, problems = keymap.load()
    assert keys == {"live.stop": "x"}
    assert len(problems) == 1


@pytest.mark.parametrize("key", ["s", "?", "/", "f5", "ctrl+x", "space", "shift+tab", "alt+left", "pagedown", "+", "é"])
def test_keys_that_exist_are_taken(write: Write, key: str) -> None:
    write(f'[keys]\n"live.stop" = "{key}"\n')
    assert keymap.load() == ({"live.stop": key}, [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.one_of(st.text(), st.binary().map(lambda data: data.decode("latin-1"))))
def test_no_file_stops_it(write: Write, text: str) -> None:
    keymap.keys_file().write_bytes(text.encode("utf-8", "surrogatepass"))
    keys, problems = keymap.load()
    assert isinstance(keys, dict)
    assert all(str(keymap.keys_file()) in problem for problem in problems)


# what the keys mean together


def test_an_id_that_nothing_has_is_told_with_what_is_meant() -> None:
    (problem,) = keymap.conflicts({"live.stopp": "s"}, KNOWN)
    assert problem.endswith("no action is called 'live.stopp' (did you mean 'live.stop'?)")


@pytest.mark.parametrize(
    ("keys", "clash"),
    [
        ({"live.pause": "s"}, "'s' does both live.pause and live.stop; live.pause wins"),
        ({"live.stop": "x", "live.pause": "x"}, "'x' does both live.pause and live.stop; live.stop wins"),
        ({"live.stop": "f5,q"}, "'q' does both live.stop and app.quit; live.stop wins"),
        ({"app.quit": "space"}, "'space' does both app.quit and live.pause; live.pause wins"),
        ({"live.stop": "space", "live.pause": "s"}, ""),
        ({"live.pause": "s", "live.stop": "f5"}, ""),
        ({"plugins.sort": "space"}, ""),
        ({"live.stop": "s"}, ""),
    ],
)
def test_a_key_for_two_actions_at_once_is_told(keys: dict[str, str], clash: str) -> None:
    problems = keymap.conflicts(keys, KNOWN)
    assert [problem.partition(": ")[2] for problem in problems] == ([clash] if clash else [])


def test_two_actions_of_one_key_by_turns_are_no_clash() -> None:
    assert keymap.conflicts({"live.record": "x", "live.stop": "x"}, keymap.bindings()) == []


# in the interface


def test_another_key_for_stop_leaves_record_its_own(live: FakeLive) -> None:
    async def open_live() -> FakeLive:
        return live

    async def test(pilot: Pilot[int]) -> None:
        await fakes.until(lambda: "r Record" in lines(app)[-1])
        await pilot.press("r")
        await fakes.until(lambda: live.phase is LivePhase.RECORDING)
        await fakes.until(lambda: "s Stop" in lines(app)[-1])
        await pilot.press("s")
        await fakes.until(lambda: "stop" in live.told)

    keys = {"live.stop": "s"}
    drive(app := WorkbenchApp(open_live, Choices(screen="live", welcomed=True), keys=keys), test)  # type: ignore[arg-type]


def test_a_changed_key_does_what_it_says_and_is_shown(live: FakeLive) -> None:
    async def open_live() -> FakeLive:
        return live

    async def test(pilot: Pilot[int]) -> None:
        assert "f9 Quit" in lines(app)[-1]
        await fakes.until(lambda: bool(app.notices))
        assert [notice.message.partition(": ")[2] for notice in app.notices] == [
            "no action is called 'app.quitt' (did you mean 'app.quit'?)"
        ]
        await pilot.press("q")
        assert app.is_running
        await pilot.press("f9")
        await fakes.until(lambda: not app.is_running)

    keys = {"app.quit": "f9", "app.quitt": "f8"}
    drive(app := WorkbenchApp(open_live, Choices(screen="notices", welcomed=True), keys=keys), test)  # type: ignore[arg-type]
