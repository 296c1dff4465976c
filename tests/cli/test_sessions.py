"""workbench sessions, on the command line."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.cli.conftest import Command
from workbench import events, sessions
from workbench.cli import console
from workbench.cli.sessions import app
from workbench.errors import OutputError, UsageError
from workbench.sessions import Recording
from workbench.types import Transcript

LINES = [("Good morning.", "Guten Morgen."), ("Where is the station?", "Wo ist der Bahnhof?"), ("Thanks.", "Danke.")]


@pytest.fixture
def talk(place: Path) -> Recording:
    """Three lines, a minute apart, translated; finished."""
    recording = Recording.create(source="Mic \x1b[31m", profile="auto", language="en", target_language="de")
    spool, journal = recording.spool(), recording.journal()
    spool.append_silence(180.0)
    for number, (text, translation) in enumerate(LINES):
        start = 60.0 * number + 5
        transcript = Transcript(segment_id=number, text=text, language="en", start=start, end=start + 2)
        journal.write(events.SpeechStarted(segment_id=number, start=start))
        journal.write(events.Transcript(transcript=transcript))
        journal.write(events.Translation(transcript=transcript, translation=transcript.translated(translation, "de")))
    journal.write(events.Done(duration=180.0))
    recording.close()
    return recording


@pytest.fixture
def silent(place: Path) -> Recording:
    """Audio without a text, interrupted."""
    recording = Recording.create(source="Line In", profile="auto", language=None, target_language=None)
    recording.spool().append(np.ones(16_000, np.float32))
    recording.close()
    return recording


def raise_from(command: Command, *arguments: str | Path) -> None:
    """Run a command that fails, and raise what it said."""
    result = command(*arguments)
    assert result.exit_code, result.stdout
    kind = {2: UsageError, 74: OutputError}[result.exit_code]
    raise kind(result.stderr)


def test_without_a_command_sessions_are_listed(command: Command, talk: Recording, silent: Recording) -> None:
    lines = command("sessions").stdout.splitlines()
    assert lines[0].split() == ["NAME", "LENGTH", "STATE", "LANGUAGE", "SOURCE", "TEXT"]
    assert lines[1].split() == [silent.name, "0:01", "interrupted", "-", "Line", "In"]
    assert lines[2].split()[:5] == [talk.name, "3:00", "finished", "en", ">"]
    assert lines[2].endswith("Good morning. Where is the station? Thanks.")
    assert "\x1b" not in lines[2]
    assert command("sessions", "list").stdout.splitlines() == lines


def test_the_list_is_json_too_and_can_be_narrowed(command: Command, talk: Recording, silent: Recording) -> None:
    found = json.loads(command("sessions", "--json").stdout)
    assert [(row["name"], row["duration"], row["segments"]) for row in found] == [
        (silent.name, 1.0, 0),
        (talk.name, 180.0, 3),
    ]
    assert [row["name"] for row in json.loads(command("sessions", "list", "--json", "--search", "BAHNHOF").stdout)] == [
        talk.name
    ]
    assert json.loads(command("sessions", "--search", "nowhere", "--json").stdout) == []


def test_no_sessions_are_said(command: Command) -> None:
    result = command("sessions")
    assert (result.stdout, result.stderr) == ("", "There is no session yet. To record one: workbench live\n")
    assert command("sessions", "--search", "x").stderr == "No session holds 'x'.\n"


def test_a_session_is_shown_with_times_and_translations(command: Command, talk: Recording) -> None:
    result = command("sessions", "show", talk.name)
    assert result.stdout.splitlines()[:3] == [
        "[0:05] Good morning.",
        "       Guten Morgen.",
        "[1:05] Where is the station?",
    ]
    assert result.stderr.startswith(f"{talk.name}  Mic")
    assert command("sessions", "show", "last", "--no-times").stdout.splitlines()[0] == "Good morning."
    shown = json.loads(command("sessions", "show", "last", "--json").stdout)
    assert (shown["name"], shown["state"], len(shown["segments"])) == (talk.name, "finished", 3)
    assert shown["segments"][2]["translation"] == "Danke."


def test_search_names_session_time_and_text(command: Command, talk: Recording) -> None:
    lines = command("sessions", "search", "bahnHOF").stdout.splitlines()
    assert lines[0].split() == [talk.name, "1:05", "Where", "is", "the", "station?"]
    assert lines[1].split() == ["Wo", "ist", "der", "Bahnhof?"]
    [hit] = json.loads(command("sessions", "search", "station", "--json").stdout)
    assert (hit["name"], hit["start"]) == (talk.name, 65.0)
    assert command("sessions", "search", "nowhere").stderr == "No session holds 'nowhere'.\n"
    with pytest.raises(UsageError, match="nothing to search for"):
        raise_from(command, "sessions", "search", " ")


@pytest.mark.usefixtures("outside")
def test_a_session_is_exported_to_every_format_that_is_named(command: Command, talk: Recording) -> None:
    result = command("sessions", "export", talk.name, "-f", "srt,txt,wav", "-o", "out/")
    assert {path.name for path in Path("out").iterdir()} == {f"{talk.name}.{f}" for f in ("de.srt", "de.txt", "wav")}
    assert Path("out", f"{talk.name}.de.txt").read_text() == "Guten Morgen.\nWo ist der Bahnhof?\nDanke.\n"
    assert result.stderr.count("written: ") == 3
    with wave.open(f"out/{talk.name}.wav") as wav:
        assert wav.getnframes() == 180 * 16_000
    with pytest.raises(UsageError, match="--force"):
        raise_from(command, "sessions", "export", talk.name, "-f", "srt,txt,wav", "-o", "out/")
    assert command("sessions", "export", talk.name, "-f", "srt,txt,wav", "-o", "out/", "--force").exit_code == 0


@pytest.mark.usefixtures("outside")
def test_an_export_is_the_translation_unless_something_else_is_asked_for(command: Command, talk: Recording) -> None:
    def text(*options: str) -> bytes:
        return command("sessions", "export", "last", "-f", "txt", "-o", "-", *options).stdout_bytes

    assert text() == text("--show", "translation")
    assert text().splitlines()[0] == b"Guten Morgen."
    assert text("--show", "source").splitlines()[0] == b"Good morning."
    assert text("--show", "both") == text("--bilingual")
    assert text("--bilingual").splitlines()[:2] == [b"Good morning.", b"Guten Morgen."]
    command("sessions", "export", "last", "--bilingual", "-f", "srt,wav")
    command("sessions", "export", "last", "--show", "source")
    assert {path.name.removeprefix(talk.name) for path in Path().iterdir()} == {".de.srt", ".srt", ".wav"}


@pytest.mark.usefixtures("outside")
def test_a_part_is_exported_with_its_audio(command: Command, talk: Recording) -> None:
    command("sessions", "export", "last", "-f", "srt,wav", "--from", "1:00", "--to", "90.5", "-o", "part/")
    text = Path("part", f"{talk.name}.de.srt").read_text()
    assert text.startswith("1\n00:00:05,000 --> ")
    assert "Bahnhof" in text
    assert "Morgen" not in text
    with wave.open(f"part/{talk.name}.wav") as wav:
        assert wav.getnframes() == 30.5 * 16_000


@pytest.mark.usefixtures("outside")
def test_what_cannot_be_exported_is_refused_with_the_next_step(
    command: Command, talk: Recording, silent: Recording
) -> None:
    for arguments, said in [
        (("last",), "sessions finish"),
        ((talk.name, "--show", "all"), "'source', 'translation', 'both'"),
        ((talk.name, "--show", "source", "--bilingual"), "contradict"),
        ((talk.name, "--from", "soon"), "1:02:03.5"),
        ((talk.name, "--from", "2:00", "--to", "1:00"), "nothing lies between"),
        ((talk.name, "-f", "doc"), "no format is called 'doc'"),
        ((silent.name, "-f", "wav", "--bilingual"), "needs a translation"),
        ((talk.name, "-f", "wav", "-o", "-"), "standard output"),
        (("2020",), "there is no session '2020'"),
    ]:
        with pytest.raises(UsageError) as caught:
            raise_from(command, "sessions", "export", *arguments)
        assert said in caught.value.message
    assert list(Path().iterdir()) == []
    assert command("sessions", "export", silent.name, "-f", "wav").exit_code == 0, "audio without text is audio"


def test_a_title_is_shown_and_found(command: Command, talk: Recording) -> None:
    result = command("sessions", "rename", "last", "Travel talk")
    assert (result.stdout, result.stderr) == ("", f"renamed: {talk.name} is 'Travel talk'\n")
    assert command("sessions").stdout.splitlines()[1].endswith("Travel talk")
    assert json.loads(command("sessions", "--search", "travel", "--json").stdout)[0]["title"] == "Travel talk"


def test_deleting_asks_where_somebody_can_answer(talk: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "is_terminal", lambda stream: True)
    result = CliRunner().invoke(app, ["delete", talk.name], input="n\n")
    assert result.exit_code == 1
    assert f"Delete {talk.name} with 3:00 of audio and 3 captions? [y/N]" in result.stderr
    assert talk.folder.exists()
    assert CliRunner().invoke(app, ["delete", talk.name], input="y\n").exit_code == 0
    assert not talk.folder.exists()


def test_deleting_without_anybody_to_ask_needs_yes(command: Command, talk: Recording, silent: Recording) -> None:
    with pytest.raises(UsageError, match="--yes"):
        raise_from(command, "sessions", "delete", talk.name)
    assert talk.folder.exists()
    result = command("sessions", "delete", talk.name, "--yes", "--json")
    assert result.stderr == f"deleted: {talk.name} with 3:00 of audio and 3 captions\n"
    assert json.loads(result.stdout)["name"] == talk.name
    assert [recording.name for recording in sessions.recordings()] == [silent.name]


def test_a_session_that_goes_on_is_listed_and_not_deleted(command: Command, silent: Recording) -> None:
    silent.spool()
    assert "live" in command("sessions").stdout
    with pytest.raises(UsageError, match="is being recorded"):
        raise_from(command, "sessions", "delete", "last", "--yes")
    silent.close()


def test_the_rest_of_an_interrupted_session_can_be_left(command: Command, silent: Recording) -> None:
    result = command("sessions", "finish", "last", "--discard")
    assert result.stderr.startswith(f"finished: {silent.name} with 0:01 of audio and 0 captions. ")
    assert "finished" in command("sessions").stdout
    assert command("sessions", "finish", "last").stderr == f"Session {silent.name} is finished.\n"


def test_the_folder_is_printed(command: Command, talk: Recording) -> None:
    assert command("sessions", "path", talk.name[:-1]).stdout == f"{talk.folder}\n"


def test_a_misspelled_name_is_corrected(command: Command, talk: Recording) -> None:
    wrong = talk.name[:-1] + "x"
    with pytest.raises(UsageError, match=f"did you mean '{talk.name}'"):
        raise_from(command, "sessions", "path", wrong)
