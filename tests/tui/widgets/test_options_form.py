"""The form of an engine's options."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import Field
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input, Select

import workbench
from tests.fakes import run
from workbench.tui.widgets.flag import Flag
from workbench.tui.widgets.options_form import OptionRow, OptionsForm


class Ears(workbench.Recognizer):
    name = "ears"

    class Options(workbench.Options):
        beam_size: int = Field(default=5, ge=1)
        """Texts that are [weighed] against each other."""
        threads: int | Literal["auto"] = "auto"
        device: Literal["auto", "cpu", "cuda"] = "auto"
        words: bool = True
        prompt: str = "Ada"
        folder: Path | None = None
        cores: tuple[int, ...] = ()

    def process(self, item: workbench.Window, state: workbench.Settings) -> Iterator[workbench.Transcript]:
        yield from ()


class Bare(workbench.Translator):
    name = "bare"

    def process(self, item: workbench.Transcript, state: workbench.Settings) -> Iterator[workbench.Translation]:
        yield from ()


class Shown(App[None]):
    def __init__(self, engine: Any, values: dict[str, Any]) -> None:
        super().__init__()
        self.form = OptionsForm(engine, values)
        self.changes = 0

    def compose(self) -> ComposeResult:
        yield self.form

    def on_options_form_changed(self) -> None:
        self.changes += 1


def row(app: Shown, key: str) -> OptionRow:
    return next(row for row in app.query(OptionRow) if row.key == key)


def control(app: Shown, key: str) -> Any:
    return row(app, key).query_one("Flag, Select, Input")


def test_every_option_gets_what_suits_its_type() -> None:
    async def test() -> None:
        app = Shown(Ears, {})
        async with app.run_test(size=(80, 40)):
            kinds = {row.key: type(control(app, row.key)) for row in app.query(OptionRow)}
            assert kinds == {
                "beam_size": Input,
                "threads": Input,
                "device": Select,
                "words": Flag,
                "prompt": Input,
                "folder": Input,
                "cores": Input,
                "packing": Flag,
                "packing_pause_ms": Input,
            }
            assert control(app, "beam_size").placeholder == "default: 5"
            assert control(app, "folder").placeholder == "default: not set"
            assert app.form.values == {}
            assert not app.form.is_changed

    run(test)


def test_what_is_set_is_shown_and_marked() -> None:
    async def test() -> None:
        values = {"beam_size": 2, "device": "cpu", "words": False, "prompt": "", "cores": [0, 1]}
        app = Shown(Ears, values)
        async with app.run_test(size=(80, 40)) as pilot:
            await pilot.pause()
            assert control(app, "beam_size").value == "2"
            assert control(app, "device").value == "cpu"
            assert control(app, "words").value is False
            assert control(app, "prompt").value == '""'
            assert control(app, "cores").value == "[0, 1]"
            marked = [row.key for row in app.query(OptionRow) if str(row.query_one(".key").render()).startswith("*")]
            assert marked == list(values)
            assert app.form.values == values
            assert not app.form.is_changed

    run(test)


async def typed(pilot: Pilot[None], field: Input, text: str) -> None:
    field.focus()
    field.value = ""
    await pilot.press(*text)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("beam_size", "3", 3),
        ("threads", "4", 4),
        ("threads", "auto", "auto"),
        ("prompt", "5", "5"),
        ("prompt", '""', ""),
        ("folder", "weights", "weights"),
        ("cores", "[0, 1]", [0, 1]),
        ("packing_pause_ms", "100", 100),
    ],
)
def test_what_is_typed_becomes_a_value_of_the_profile(key: str, text: str, value: object) -> None:
    async def test() -> None:
        app = Shown(Ears, {})
        async with app.run_test(size=(80, 40)) as pilot:
            await typed(pilot, control(app, key), text)
            await pilot.pause()
            assert app.form.values == {key: value}
            assert type(app.form.values[key]) is type(value)
            assert not app.form.problems
            assert app.form.is_changed

    run(test)


def test_a_wrong_value_is_told_while_it_is_typed_and_is_no_more_when_it_is_right() -> None:
    async def test() -> None:
        app = Shown(Ears, {})
        async with app.run_test(size=(80, 40)) as pilot:
            await typed(pilot, control(app, "beam_size"), "0")
            await pilot.pause()
            wrong = row(app, "beam_size")
            assert wrong.has_class("-wrong")
            assert str(wrong.query_one(".problem").render()) == "✗ must be at least 1, not 0"
            assert list(app.form.problems) == ["beam_size"]
            await pilot.press("backspace", "2")
            await pilot.pause()
            assert not wrong.has_class("-wrong")
            assert app.changes >= 3

    run(test)


def test_keys_alone_are_enough_to_set_and_to_unset() -> None:
    async def test() -> None:
        app = Shown(Ears, {"device": "cpu"})
        async with app.run_test(size=(80, 40)) as pilot:
            control(app, "words").focus()
            await pilot.press("space")
            await pilot.pause()
            assert app.form.values == {"device": "cpu", "words": False}
            await pilot.press("delete")
            await pilot.pause()
            assert app.form.values == {"device": "cpu"}
            assert control(app, "words").value is True
            control(app, "device").focus()
            await pilot.press("delete")
            await pilot.pause()
            assert app.form.values == {}

    run(test)


def test_what_the_engine_does_not_know_is_kept_for_people_to_see() -> None:
    async def test() -> None:
        app = Shown(Ears, {"beem_size": 2, "device": "gpu", "words": "perhaps"})
        async with app.run_test(size=(80, 40)) as pilot:
            await pilot.pause()
            assert app.form.values == {"beem_size": 2, "device": "gpu", "words": "perhaps"}
            assert set(app.form.problems) == {"beem_size", "device", "words"}
            assert control(app, "device").value == "gpu"

    run(test)


def test_an_engine_without_options_says_so() -> None:
    async def test() -> None:
        app = Shown(Bare, {})
        async with app.run_test(size=(80, 40)):
            assert not app.query(OptionRow)
            assert app.form.values == {}

    run(test)
