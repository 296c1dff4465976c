"""`workbench plugins`: every engine, and why one cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Install = Callable[..., None]


def listed(command: Any, *arguments: str) -> dict[tuple[str | None, str, str], dict[str, Any]]:
    result = command("plugins", "--json", *arguments)
    assert result.exit_code == 0
    return {(row["kind"], row["name"], row["distribution"]): row for row in json.loads(result.stdout)}


@pytest.mark.usefixtures("outside")
def test_engines_of_a_package_from_outside_are_listed(command: Any) -> None:
    row = listed(command)["vad", "always", "workbench-outside"]
    assert {key: value for key, value in row.items() if key != "options"} == {
        "kind": "vad",
        "name": "always",
        "version": "2.5",
        "distribution": "workbench-outside",
        "plugin": "outside",
        "state": "ready",
        "reason": "",
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("raises-at-import", "RuntimeError: no luck at import"),
        ("exits-at-import", "SystemExit: 3"),
        ("raises-in-hook", "RuntimeError: no luck in the hook"),
        ("registers-garbage", "TypeError: register() takes an engine class, not 42"),
        ("misspells-the-hook", "unknown hook 'register_engine'"),
    ],
)
def test_a_plugin_that_fails_is_listed_with_its_reason_beside_those_that_work(
    command: Any, install: Install, name: str, reason: str
) -> None:
    install(name, "workbench-outside")
    found = listed(command)
    failed = found[None, name, name]
    assert failed["state"] == "failed"
    assert reason in failed["reason"]
    assert "\n" not in failed["reason"]
    assert found["asr", "echo", "workbench-outside"]["state"] == "ready"
    assert found["vad", "energy", "audio-workbench"]["state"] == "ready"


def test_of_two_engines_with_one_name_both_are_refused_and_both_named(command: Any, install: Install) -> None:
    install("workbench-outside", "twin-of-always")
    found = listed(command)
    for distribution in ("workbench-outside", "twin-of-always"):
        row = found["vad", "always", distribution]
        assert row["state"] == "failed"
        assert "workbench-outside" in row["reason"]
        assert "twin-of-always" in row["reason"]
    assert found["asr", "echo", "workbench-outside"]["state"] == "ready"


@pytest.mark.usefixtures("outside")
def test_what_is_left_out_is_listed_as_disabled(command: Any) -> None:
    found = listed(command, "--no-plugin", "outside")
    assert found[None, "outside", "workbench-outside"]["state"] == "disabled"
    assert not [key for key in found if key[1] == "echo"]
    assert listed(command)["asr", "echo", "workbench-outside"]["state"] == "ready"  # the next time it is back


@pytest.mark.usefixtures("outside")
def test_the_environment_leaves_only_the_builtin_engines(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_NO_PLUGINS", "1")
    assert {row["distribution"] for row in listed(command).values() if row["state"] == "ready"} == {"audio-workbench"}


@pytest.mark.usefixtures("outside")
def test_the_table_has_a_line_for_each_engine_and_the_reasons(command: Any, install: Install) -> None:
    install("raises-at-import")
    lines = command("plugins").stdout.splitlines()
    assert lines[0].split() == ["KIND", "ENGINE", "VERSION", "DISTRIBUTION", "STATE"]
    assert ["asr", "echo", "2.5", "workbench-outside", "ready"] in [line.split() for line in lines]
    failed = next(i for i, line in enumerate(lines) if line.startswith("-"))
    assert lines[failed].split() == ["-", "raises-at-import", "2.5", "raises-at-import", "failed"]
    assert lines[failed + 1].strip() == "RuntimeError: no luck at import"


def test_what_is_left_out_says_so_once_in_the_table(command: Any, install: Install) -> None:
    install("workbench-outside")
    assert command("plugins", "--no-plugin", "outside").stdout.count("disabled") == 1


def test_options_are_told_by_name_type_default_and_description(command: Any) -> None:
    options = {o["name"]: o for o in listed(command, "energy")["vad", "energy", "audio-workbench"]["options"]}
    assert options["speech_snr_db"] == {
        "name": "speech_snr_db",
        "type": "number, at least 3 and at most 40",
        "default": 10.0,
        "description": "Decibels above the noise at which speech is as likely as not.",
    }
    assert options["min_silence_ms"]["description"] == "A shorter pause does not end speech."  # the core's own
    options = {o["name"]: o for o in listed(command, "subtitles")["export", "subtitles", "audio-workbench"]["options"]}
    assert options["order"]["type"] == '"source-first" or "translation-first"'
    assert (options["full_width"]["type"], options["full_width"]["default"]) == ("true or false", None)


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize("name", ["outside", "workbench-outside"])
def test_a_plugin_or_a_distribution_stands_for_all_its_engines(command: Any, name: str) -> None:
    assert {engine for _, engine, _ in listed(command, name)} == {"always", "echo", "mirror", "hum", "listing", "tone"}


@pytest.mark.usefixtures("outside")
def test_the_options_of_an_engine_are_printed_as_they_are_written_after_option(command: Any) -> None:
    lines = command("plugins", "echo").stdout.splitlines()
    assert lines[0] == "asr engine echo 2.5, of workbench-outside: ready"
    assert '  asr.model: text; default: "small"' in lines
    where = lines.index("  asr.gate: path; default: not set")
    assert lines[where + 1].strip().startswith("It waits until there is such a file")
    assert "  asr.packing: true or false; default: true" in lines
    assert "  no options" in command("plugins", "hum").stdout.splitlines()


def test_a_plugin_that_failed_can_be_asked_for_its_reason(command: Any, install: Install) -> None:
    install("raises-at-import")
    lines = command("plugins", "raises-at-import").stdout.splitlines()
    assert lines == ["plugin raises-at-import 2.5, of raises-at-import: failed", "    RuntimeError: no luck at import"]


def test_an_unknown_name_is_refused_with_the_one_that_is_close(command: Any) -> None:
    result = command("plugins", "enrgy")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is called 'enrgy' (did you mean 'energy'?)" in result.stderr


@pytest.mark.usefixtures("outside")
def test_a_plugin_is_left_out_for_good_and_taken_up_again(command: Any) -> None:
    result = command("plugins", "--disable", "always")
    assert result.exit_code == 0
    assert not result.stdout
    assert result.stderr.startswith("left out from now on: plugin outside, with vad always, asr echo")
    assert "Profile quick cannot be used: it names echo.\n" in result.stderr
    assert result.stderr.endswith("To undo: workbench plugins --enable outside\n")
    left_out = listed(command)
    assert left_out[None, "outside", "workbench-outside"]["state"] == "disabled"
    assert ("vad", "always", "workbench-outside") not in left_out
    assert command("plugins", "--enable", "workbench-outside").exit_code == 0
    assert listed(command)["vad", "always", "workbench-outside"]["state"] == "ready"


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--profile", "auto"], "no engine for asr is installed"),
        (["--profile", "auto", "--model", "small"], "no engine for asr is installed"),
        (["--profile", "auto", "--engine", "asr=echo"], "no asr engine is called 'echo'"),
        (["--profile", "auto", "--engine", "asr=outside"], "plugin 'outside' is left out: disabled"),
        ([], "vad.engine: no vad engine is called 'always'"),
    ],
)
def test_what_is_missing_since_a_plugin_was_disabled_comes_with_what_takes_it_up(
    command: Any, tone: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    command("plugins", "--disable", "outside")
    monkeypatch.setenv("WORKBENCH_NO_PLUGINS", "1")  # whatever else is installed
    result = command("transcribe", tone(), *arguments)
    assert result.exit_code in (2, 4)
    assert said in result.stderr
    assert "workbench plugins --enable outside" in result.stderr


@pytest.mark.usefixtures("outside")
def test_what_is_missing_since_no_plugin_left_it_out_comes_with_that(command: Any, tone: Any) -> None:
    result = command("transcribe", tone(), "--no-plugin", "outside", "--engine", "asr=echo", "--profile", "auto")
    assert result.exit_code == 2
    assert "Left out with --no-plugin: outside." in result.stderr
    assert "--enable" not in result.stderr


def test_what_cannot_be_left_out_says_so(command: Any) -> None:
    own = command("plugins", "--disable", "energy")
    assert own.exit_code == 2
    assert "the workbench's own engines cannot be left out" in own.stderr
    unknown = command("plugins", "--disable", "energi")
    assert unknown.exit_code == 2
    assert "did you mean 'energy'?" in unknown.stderr


def test_choices_that_cannot_be_read_are_named_with_their_file(command: Any, place: Path) -> None:
    config = place.parent / "home" / "config" / "config.toml"
    config.write_text('disabled_plugins = "shout"\n')
    result = command("plugins")
    assert result.exit_code == 2
    assert f"{config}: disabled_plugins must be a list" in result.stderr
