"""What is chosen is there again at the next start, and a damaged file costs the choices only."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.errors import OutputError
from workbench.tui import choices
from workbench.tui.choices import Choices


def test_at_first_there_are_the_defaults_and_the_first_run() -> None:
    assert choices.load() == (Choices(), "")
    assert not Choices().welcomed


def test_what_was_chosen_is_there_again() -> None:
    chosen = Choices(
        theme="nord", language="zh", screen="plugins", device="mic", layout={"live": {"w": 1}}, welcomed=True
    )
    choices.save(chosen)
    assert choices.load() == (chosen, "")


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b"[1, 2]", b'"text"', b"[" * 100_000])
def test_a_damaged_file_gives_the_defaults_and_is_told(damage: bytes) -> None:
    choices.choices_file().write_bytes(damage)
    found, problem = choices.load()
    assert found == Choices(welcomed=True), "who has run it before is not welcomed again"
    assert str(choices.choices_file()) in problem


def test_a_choice_that_cannot_be_used_is_left_out_and_told() -> None:
    choices.choices_file().write_text(json.dumps({"theme": 5, "device": "mic", "layout": []}))
    found, problem = choices.load()
    assert found == Choices(device="mic")
    assert problem.endswith("layout, theme cannot be used")


def test_a_choice_of_another_version_does_no_harm() -> None:
    choices.choices_file().write_text(json.dumps({"theme": "nord", "wallpaper": "cat"}))
    assert choices.load() == (Choices(theme="nord"), "")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["theme", "language", "screen", "device", "layout", "welcomed"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.dictionaries(st.text(), st.integers()),
    )
)
def test_whatever_the_file_holds_can_be_used(kept: dict[str, object]) -> None:
    choices.choices_file().write_text(json.dumps(kept), "utf-8")
    found, _problem = choices.load()
    assert isinstance(found.theme, str)
    assert isinstance(found.screen, str)
    assert isinstance(found.layout, dict)
    assert isinstance(found.welcomed, bool)
    choices.save(found)
    assert choices.load() == (found, "")


def test_a_folder_that_cannot_be_written_is_said_plainly() -> None:
    choices.choices_file().mkdir()
    with pytest.raises(OutputError):
        choices.save(Choices())
