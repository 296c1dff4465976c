"""workbench subtitles, and transcribe --mux, on the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import av
import pytest

from tests.cli.conftest import Child, Command
from tests.videos import write_video
from workbench.subtitles import FORMATS, STYLES, CueRules, read, write
from workbench.types import Cue

GOOD = [Cue(1, 3, "Hello there."), Cue(3.5, 5.5, "And the rest\nof it.")]
LONG = "This line is longer than any style would have it."
BAD = [Cue(0, 0.5, LONG), Cue(0.7, 4, "one\ntwo\nthree"), Cue(3, 11, "ends with the\nword.")]
TIMED = [format for format in FORMATS if format != "txt"]


@pytest.fixture
def files(place: Path) -> dict[str, Path]:
    """good.FORMAT and bad.en.FORMAT, in each."""
    for format in TIMED:
        (place / f"good.{format}").write_bytes(write(GOOD, format))
        (place / f"bad.en.{format}").write_bytes(write(BAD, format))
    return {format: Path(f"good.{format}") for format in TIMED}


def rules(result: Any) -> list[tuple[str, str]]:
    """(file:cue, rule) of each line that `check` prints."""
    return [(line.split()[0], line.split()[2]) for line in result.stdout.splitlines()]


@pytest.mark.parametrize("format", TIMED)
def test_check_prints_each_cue_that_breaks_a_rule(command: Command, files: dict[str, Path], format: str) -> None:
    result = command("subtitles", "check", f"bad.en.{format}", f"good.{format}")
    assert result.exit_code == 1
    name = f"bad.en.{format}"
    assert sorted(rules(result)) == sorted(
        [
            (f"{name}:1", "max_line_chars"),
            (f"{name}:1", "max_cps"),
            (f"{name}:1", "min_duration_s"),
            (f"{name}:1", "small_gap_s"),
            (f"{name}:2", "max_lines"),
            (f"{name}:2", "min_gap_s"),
            (f"{name}:3", "max_duration_s"),
            (f"{name}:3", "line_end"),
        ]
    )
    assert f"{name}:1  0:00:00.000  max_line_chars {len(LONG)} > 42" in result.stdout
    assert f"{name}:1  0:00:00.000  min_duration_s 0.5 < 1" in result.stdout
    assert f"good.{format}: all is well" in result.stderr


def test_check_exits_with_0_where_all_is_well(command: Command, files: dict[str, Path]) -> None:
    result = command("subtitles", "check", *files.values())
    assert (result.exit_code, result.stdout) == (0, "")


def test_check_in_json_has_one_object_a_file(command: Command, files: dict[str, Path]) -> None:
    Path("broken.srt").write_bytes(b"\xff\xff")
    result = command("subtitles", "check", "bad.en.srt", "good.srt", "broken.srt", "none.srt", "--json")
    assert result.exit_code == 1
    bad, good, broken, none = map(json.loads, result.stdout.splitlines())
    assert (bad["file"], bad["language"], bad["cues"]) == ("bad.en.srt", "en", 3)
    assert bad["violations"][0] == {
        "cue": 1,
        "start": 0.0,
        "end": 0.5,
        "rule": "max_line_chars",
        "value": len(LONG),
        "limit": 42,
        "text": LONG,
    }
    assert good == {"file": "good.srt", "language": None, "cues": 2, "violations": []}
    assert (broken["error"]["code"], none["error"]["code"]) == ("input", "usage")
    assert "--encoding" in broken["error"]["hint"]


def test_check_keeps_the_style_the_options_and_the_language_it_is_given(command: Command, place: Path) -> None:
    (place / "a.srt").write_bytes(
        write([Cue(0, 2, "Eine Zeile mit der\nZahl von Zeichen x."), Cue(4, 4.9, "a")], "srt")
    )
    assert rules(command("subtitles", "check", "a.srt")) == [("a.srt:2", "min_duration_s")]
    assert rules(command("subtitles", "check", "a.srt", "--style", "netflix")) == [("a.srt:1", "max_cps")]
    found = rules(
        command("subtitles", "check", "a.srt", "--style", "netflix", "--option", "export.max_cps=30", "-l", "de")
    )
    assert found == [("a.srt:1", "line_end")]
    assert ("a.srt:1", "max_cps") in rules(command("subtitles", "check", "a.srt", "--style", "cjk"))


def test_check_finds_what_is_said_over_and_over(command: Command, place: Path) -> None:
    (place / "a.vtt").write_bytes(write([Cue(3 * i, 3 * i + 2, "Thank you.") for i in range(4)], "vtt"))
    assert rules(command("subtitles", "check", "a.vtt")) == [(f"a.vtt:{i}", "repeated") for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("source", TIMED)
@pytest.mark.parametrize("target", FORMATS)
def test_convert_writes_every_format_from_every_other(
    command: Command, files: dict[str, Path], source: str, target: str
) -> None:
    result = command("subtitles", "convert", files[source], f"out.{target}")
    assert result.exit_code == 0, result.stderr
    found = read(Path(f"out.{target}").read_bytes(), target)
    assert found == GOOD or target == "txt"
    assert Path(f"out.{target}").read_text().count("Hello there.") == 1


def test_convert_moves_times(command: Command, files: dict[str, Path]) -> None:
    command("subtitles", "convert", "good.srt", "later.srt", "--shift", "1:01.5")
    assert read(Path("later.srt").read_bytes(), "srt")[0].start == 62.5
    command("subtitles", "convert", "good.srt", "earlier.srt", "--shift", "-0.5")
    assert read(Path("earlier.srt").read_bytes(), "srt")[0].start == 0.5
    command("subtitles", "convert", "good.srt", "slower.srt", "--fps", "25:24000/1001", "--shift", "1")
    assert read(Path("slower.srt").read_bytes(), "srt")[0].start == pytest.approx(1 + 25 * 1001 / 24000, abs=0.001)


def test_convert_cuts_anew_in_a_style(command: Command, place: Path) -> None:
    text = "This was written in one line by somebody who did not know how long a line may be on a screen."
    (place / "a.en.srt").write_bytes(write([Cue(0, 7, text)], "srt"))
    assert command("subtitles", "convert", "a.en.srt", "b.en.srt", "--style", "netflix").exit_code == 0
    assert command("subtitles", "check", "b.en.srt", "--style", "netflix").exit_code == 0
    assert " ".join(cue.text for cue in read(Path("b.en.srt").read_bytes(), "srt")).split() == text.split()


def test_convert_reads_other_encodings_when_they_are_named(command: Command, place: Path) -> None:
    (place / "a.srt").write_bytes(write([Cue(0, 1, "Grüße")], "srt").decode().encode("cp1252"))
    result = command("subtitles", "convert", "a.srt", "b.vtt")
    assert (result.exit_code, Path("b.vtt").exists()) == (1, False)
    assert "--encoding" in result.stderr
    assert command("subtitles", "convert", "a.srt", "b.vtt", "--encoding", "cp1252").exit_code == 0
    assert "Grüße" in Path("b.vtt").read_text("utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good.srt", "good.srt", "--force"], "would be overwritten"),
        (["good.srt", "good.vtt"], "--force"),
        (["good.srt", "out.doc"], "out.doc"),
        (["none.srt", "out.vtt"], "no such file"),
        (["good.srt", "out.vtt", "--shift", "soon"], "soon"),
        (["good.srt", "out.vtt", "--shift", "-9"], "before 0"),
        (["good.srt", "out.vtt", "--fps", "25"], "frame rates"),
        (["good.srt", "out.vtt", "--fps", "0:25"], "frame rates"),
        (["good.srt", "out.vtt", "--style", "bbc"], "bbc"),
        (["good.srt", "out.vtt", "--option", "export.max_cps=-1"], "max_cps"),
        (["good.srt", "out.vtt", "--option", "asr.model=x"], "export"),
        (["good.txt", "out.vtt"], "no times"),
    ],
)
def test_convert_refuses_mistakes_and_leaves_files_as_they_are(
    command: Command, files: dict[str, Path], arguments: list[str], said: str
) -> None:
    Path("good.txt").write_text("Hello.\n")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = command("subtitles", "convert", *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


def test_a_file_is_overwritten_by_force(command: Command, files: dict[str, Path]) -> None:
    assert command("subtitles", "convert", "bad.en.srt", "good.vtt", "--force").exit_code == 0
    assert len(read(Path("good.vtt").read_bytes(), "vtt")) == 3


def tracks(path: Path | str) -> list[tuple[str | None, bool]]:
    """(language, default) of each subtitle track."""
    with av.open(str(path)) as container:
        return [(each.metadata.get("language"), bool(each.disposition & 1)) for each in container.streams.subtitles]


def test_mux_puts_tracks_into_a_copy(command: Command, files: dict[str, Path]) -> None:
    write_video(Path("talk.mp4"), seconds=2)
    result = command("subtitles", "mux", "talk.mp4", "bad.en.srt", "good.ass")
    assert result.exit_code == 0, result.stderr
    assert tracks("talk.subtitled.mp4") == [("eng", True), ("und", False)]
    result = command(
        "subtitles", "mux", "talk.mp4", "good.srt", "good.vtt", "-o", "b.mkv", "-l", "de,pt-BR", "--default", "2"
    )
    assert result.exit_code == 0, result.stderr
    assert tracks("b.mkv") == [("ger", False), ("por", True)]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["talk.mp4", "good.srt", "-o", "talk.mp4", "--force"], 2, "would be overwritten"),
        (["talk.mp4", "good.srt", "-o", "good.srt", "--force"], 2, "cannot hold"),
        (["talk.mp4", "good.srt", "-o", "there.mkv"], 2, "exists already"),
        (["talk.mp4", "good.srt", "-o", "out.mkv", "--default", "2"], 2, "no track 2"),
        (["talk.mp4", "good.srt", "-o", "out.mkv", "-l", "de,en"], 2, "names 2 of 1"),
        (["good.srt", "good.srt", "-o", "out.mkv"], 1, "good.srt"),
        (["talk.mp4", "none.srt", "-o", "out.mkv"], 2, "no such file"),
    ],
)
def test_mux_refuses_mistakes_and_leaves_files_as_they_are(
    command: Command, files: dict[str, Path], arguments: list[str], code: int, said: str
) -> None:
    write_video(Path("talk.mp4"), seconds=1)
    Path("there.mkv").write_bytes(b"mine")
    before = {path: path.read_bytes() for path in Path().iterdir()}
    result = command("subtitles", "mux", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert {path: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.usefixtures("outside")
def test_transcribe_makes_a_copy_with_the_subtitles_in_it(command: Command) -> None:
    write_video(Path("talk.mp4"), seconds=2)
    result = command("transcribe", "talk.mp4", "--mux", "--json", "--translate", "xx", "-o", "out/")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["output"] == ["out/talk.xx.srt", "out/talk.subtitled.mp4"]
    assert tracks("out/talk.subtitled.mp4") == [("und", True), ("eng", False)]


@pytest.mark.usefixtures("outside")
def test_transcribe_muxes_sound_alone_into_mkv(command: Command, tone: Any) -> None:
    assert command("transcribe", tone("a.wav"), "--mux").exit_code == 0
    assert tracks("a.subtitled.mkv") == [("eng", True)]


@pytest.mark.usefixtures("outside")
def test_a_copy_that_is_there_is_kept_unless_force_is_given(command: Command, tone: Any) -> None:
    tone("a.wav")
    Path("a.subtitled.mkv").write_bytes(b"mine")
    result = command("transcribe", "a.wav", "--mux")
    assert result.exit_code == 2
    assert "exists already" in result.stderr
    assert (Path("a.subtitled.mkv").read_bytes(), Path("a.srt").exists()) == (b"mine", False)
    assert command("transcribe", "a.wav", "--mux", "--force").exit_code == 0
    assert tracks("a.subtitled.mkv") == [("eng", True)]


def test_every_rule_and_style_is_described() -> None:
    text = (Path(__file__).parents[2] / "docs" / "subtitles.md").read_text("utf-8")
    named = {field.name for field in dataclasses.fields(CueRules)} - {"full_width", "dash"}
    assert all(f"`{name}`" in text for name in (*named, "line_end", "broken_word", "repeated", *STYLES))


def test_mux_and_standard_output_contradict_each_other(command: Command, tone: Any) -> None:
    assert command("transcribe", tone("a.wav"), "--mux", "-o", "-").exit_code == 2


@pytest.mark.usefixtures("outside")
def test_a_style_is_an_option_of_the_export(command: Command, tone: Any) -> None:
    assert command("transcribe", tone("a.wav"), "--option", "export.style=netflix").exit_code == 0
    result = command("transcribe", tone("b.wav"), "--option", "export.style=bbc")
    assert result.exit_code == 2
    assert "netflix" in result.stderr


def test_as_a_program_they_print_data_on_stdout_and_have_exit_codes(child: Child, files: dict[str, Path]) -> None:
    checked = child("subtitles", "check", "bad.en.vtt", "--json")
    assert checked.returncode == 1
    assert len(json.loads(checked.stdout)["violations"]) == 8
    assert child("subtitles", "check", "good.vtt").returncode == 0
    converted = child("subtitles", "convert", "good.vtt", "out.ttml")
    assert (converted.returncode, converted.stdout) == (0, b"")
    write_video(Path("talk.mkv"), seconds=1)
    muxed = child("subtitles", "mux", "talk.mkv", "good.vtt", "-o", "out.mp4")
    assert (muxed.returncode, muxed.stdout) == (0, b"")
    assert tracks("out.mp4") == [("und", True)]
    assert child("subtitles", "mux", "talk.mkv", "good.vtt", "-o", "out.mp4").returncode == 2
