"""The file of choices."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.audit import examples
from workbench import config
from workbench.errors import OutputError, UsageError
from workbench.jobs import retention
from workbench.plugins import disabled
from workbench.profiles import store

GOOD = 'profile = "cpu" # mine\ndisabled_plugins = ["shout"]\n\n[jobs]\nkeep_days = 30\nmost_gib = 1.5\n'
PIECES = (
    *GOOD.split(),
    "\ufeff",
    "[" * 3000,
    "'''",
    '"""',
    "2020-01-01",
    "inf",
    "9" * 5000,
    "{}",
    "[[jobs]]",
    "\r",
    "=",
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_CONFIG_DIR", str(tmp_path / "config"))
    return tmp_path / "config"


def test_without_a_file_nothing_is_chosen() -> None:
    assert config.read() == {}


def test_a_choice_is_read_back() -> None:
    config.change("profile", "quick")
    config.change("disabled_plugins", ["shout"])
    assert config.read() == {"profile": "quick", "disabled_plugins": ["shout"]}


def test_comments_survive_a_change(folder: Path) -> None:
    folder.mkdir()
    config.config_file().write_text('# mine\nprofile = "a" # for now\n')
    config.change("profile", "b")
    assert config.config_file().read_text() == '# mine\nprofile = "b" # for now\n'


def test_a_file_that_cannot_be_read_stays_as_it_is(folder: Path) -> None:
    folder.mkdir()
    config.config_file().write_text("profile =\n")
    with pytest.raises(UsageError, match=r"config\.toml:1:10: a value is missing") as caught:
        config.change("profile", "b")
    assert "Mend it" in caught.value.hint
    assert config.config_file().read_text() == "profile =\n"


def test_a_folder_that_cannot_be_made_is_said(folder: Path) -> None:
    folder.write_text("a file, no folder")
    with pytest.raises(OutputError):
        config.change("profile", "b")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'proflie = "cpu"', r":1: proflie is not known \(did you mean 'profile'\?\)"),
        (b"\n\nprofile = 5", ":3: profile must be the name or the file"),
        (b'profile = "a"\nprofile = "b"', ":2: a key is given twice"),
        (b"x = " + b"[" * 20_000, ":1: is nested too deeply"),
        (b"[jobs]\nkeep_days = 3\nkeep_dayz", ":3: "),
        (b"profile = 'a\0b'", ":1:13: "),
        ('profile = "cpu"'.encode("utf-16"), "cannot be read: it is not UTF-8 text"),
        (b'profile = "\xff"', "cannot be read: it is not UTF-8 text"),
    ],
    ids=["misspelt", "type", "twice", "deep", "cut", "nul", "utf-16", "latin-1"],
)
def test_a_mistake_is_told_with_its_place(folder: Path, content: bytes, said: str) -> None:
    folder.mkdir()
    config.config_file().write_bytes(content)
    with pytest.raises(UsageError, match=said) as caught:
        config.read()
    assert caught.value.hint
    assert config.config_file().read_bytes() == content


def test_a_byte_order_mark_and_a_line_of_a_megabyte_are_no_mistakes(folder: Path) -> None:
    folder.mkdir()
    config.config_file().write_bytes(b"\xef\xbb\xbf# " + b"x" * 1_000_000 + b'\nprofile = "cpu"\n')
    assert config.read() == {"profile": "cpu"}


@settings(max_examples=examples(200, 2000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(GOOD)), st.one_of(st.text(max_size=4), st.sampled_from(PIECES)), st.integers(0, 30))
@example(0, "\ufeff", 0)
def test_no_mutation_gives_anything_but_choices_or_a_mistake_with_its_file(
    folder: Path, at: int, put: str, cut: int
) -> None:
    folder.mkdir(exist_ok=True)
    text = GOOD[:at] + put + GOOD[at + cut :]
    config.config_file().write_bytes(text.encode("utf-8", "surrogatepass"))
    refusals: list[UsageError] = []
    for ask in (config.read, store.current_name, disabled, retention.chosen, lambda: config.change("profile", "b")):
        try:
            ask()
        except UsageError as error:
            refusals.append(error)
    assert all(str(config.config_file()) in error.message and error.hint for error in refusals)
