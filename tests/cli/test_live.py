"""Live captions from the command line: of a file that is played, with engines from another package."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.fakes import stopwatch
from tests.real_speech import clip, needs_engines
from tests.tui.terminal import Terminal
from workbench import events, sessions
from workbench.cli.live_lines import teller_of
from workbench.engines import Capture, Settings
from workbench.errors import MissingError
from workbench.recording import LEFT_S, Recording
from workbench.recording_info import State
from workbench.subtitles import Caption
from workbench.types import AudioChunk, Transcript

Command = Callable[..., Result]
Child = Callable[..., "subprocess.CompletedProcess[bytes]"]
Tone = Callable[..., Path]

posix = pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals and limits")


def parsed(lines: str) -> list[events.Event]:
    return [events.parse(json.loads(line)) for line in lines.splitlines()]


def spoken(told: list[events.Event]) -> list[str]:
    return [e.transcript.text for e in told if isinstance(e, events.Transcript) and e.transcript.is_final]


def only_session() -> Recording:
    (recording,) = sessions.recordings()
    return recording


def texts(captions: list[Caption]) -> list[str]:
    return [caption.transcript.text for caption in captions]


class Running:
    """`workbench live` in a process of its own. What it says on stderr is read line by line."""

    def __init__(self, *arguments: str | Path, **how: Any) -> None:
        words = [sys.executable, "-m", "workbench", "live", *map(str, arguments)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)
        self.said: list[str] = []

    def says(self, text: str) -> str:
        """The first line with `text` in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said.append(line.decode())
            if text in self.said[-1]:
                return self.said[-1]
        raise AssertionError(f"it never said {text!r}, but {self.said}")

    def writes(self, text: str) -> str:
        """The first line with `text` in it on standard output."""
        assert self.process.stdout is not None
        return next(line for line in map(bytes.decode, self.process.stdout) if text in line)

    def signal(self, *names: str) -> None:
        for name in names:
            self.process.send_signal(getattr(signal, name))

    def ended(self) -> tuple[int, str, str]:
        """Exit code, and what it wrote and said since."""
        out, said = self.process.communicate(timeout=60)
        return self.process.returncode, out.decode(), said.decode()


@pytest.fixture
def running(place: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*arguments: str | Path, **how: Any) -> Running:
        started.append(Running(*arguments, **how))
        return started[-1]

    yield start
    for child in started:
        child.process.kill()
        child.process.communicate()


# what comes out

pytestmark = pytest.mark.usefixtures("outside")


def test_captions_are_lines_with_the_time_they_were_said_at(command: Command, tone: Tone) -> None:
    result = command("live", "--file", tone(), "--pace", "0", "--plain")
    assert result.exit_code == 0
    assert result.stdout == "[0:00] Hello there.\n"
    said = result.stderr.splitlines()
    assert "Loading asr engine echo small" in said
    assert "Listening to talk.wav. Ctrl-C stops." in said
    name = only_session().name
    assert said[-1] == f"{name}: 0:02, 1 caption. To write subtitles of it: workbench sessions export {name}"


def test_a_translation_stands_below_its_caption(command: Command, tone: Tone) -> None:
    result = command("live", "--file", tone(), "--pace", "0", "--translate", "xx")
    assert result.stdout == "[0:00] Hello there.\n       .ereht olleH\n"


def test_a_translation_that_comes_after_another_caption_has_its_time(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    tell = teller_of(as_json=False, plain=True)
    said = [Transcript(segment_id=i, text=str(i), language="en", start=3.0 * i, end=3.0 * i + 2) for i in range(3)]
    for one in said[:2]:
        tell(events.Transcript(transcript=one))
    for one in said[:2]:
        tell(events.Translation(transcript=one, translation=one.translated(f"um {one.text}", "pt")))
    tell(events.Transcript(transcript=said[2]))
    tell(events.Translation(transcript=said[2], translation=said[2].translated("dois", "pt")))
    expected = ["[0:00] 0", "[0:03] 1", "[0:00] um 0", "[0:03] um 1", "[0:06] 2", "       dois"]
    assert capfdbinary.readouterr().out.decode().splitlines() == expected


def test_json_is_an_event_a_line_and_the_journal_tells_the_same_but_for_interim_text(
    command: Command, tone: Tone
) -> None:
    result = command("live", "--file", tone(), "--pace", "0", "--json", "--translate", "xx")
    told = parsed(result.stdout)
    kinds = Counter(event.type for event in told)
    assert [told[0].type, told[-1].type] == ["ready", "done"]
    assert kinds["speech_started"] == kinds["speech_ended"] == 1
    assert spoken(told) == ["Hello there."]
    assert [e.translation.text for e in told if isinstance(e, events.Translation)] == [".ereht olleH"]
    interim = [e for e in told if isinstance(e, events.Transcript) and not e.transcript.is_final]
    assert only_session().events() == [event for event in told if event not in interim]


def test_what_is_captured_lies_in_a_session(command: Command, tone: Tone) -> None:
    command("live", "--file", tone(), "--pace", "0", "--language", "en", "--translate", "xx")
    info = only_session().info()
    assert (info.source, info.profile, info.language, info.target_language) == ("talk.wav", "quick", "en", "xx")
    assert (info.duration, info.state, info.segments) == (2.0, State.FINISHED, 1)


class Nothing(Capture):
    """A source that ends before it gave anything."""

    name = "nothing"
    label = "nothing"

    def open(self, settings: Settings) -> Iterator[AudioChunk]:
        return iter(())


def test_a_session_that_captured_nothing_is_not_kept(
    command: Command, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.session.Session.source", lambda *_: Nothing(Nothing.Options()))
    result = command("live", "-o", "talk.srt")
    assert result.exit_code == 0, result.stderr
    assert "Nothing was captured: no session is kept, and talk.srt is not written." in result.stderr
    assert sessions.recordings() == []
    assert not Path("talk.srt").exists()


def test_an_input_without_audio_leaves_no_session_behind(command: Command, tone: Tone) -> None:
    assert command("live", "--file", tone(seconds=0.0)).exit_code == 1
    assert sessions.recordings() == []


def test_interim_text_can_be_left_out(command: Command, tone: Tone) -> None:
    arguments = ["live", "--file", tone(seconds=5.0), "--pace", "8", "--json"]
    shown = [
        sum(isinstance(e, events.Transcript) and not e.transcript.is_final for e in parsed(command(*words).stdout))
        for words in (arguments, [*arguments, "--no-interim"])
    ]
    assert shown[0] > 0
    assert shown[1] == 0


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ([], ["Hello there."]),
        (["--translate", "xx"], [".ereht olleH"]),
        (["--translate", "xx", "--bilingual"], ["Hello there.", ".ereht olleH"]),
        (["--translate", "xx", "--show", "both"], ["Hello there.", ".ereht olleH"]),
        (["--translate", "xx", "--show", "source"], ["Hello there."]),
    ],
)
def test_subtitles_are_written_at_the_end(command: Command, tone: Tone, more: list[str], lines: list[str]) -> None:
    result = command("live", "--file", tone(), "--pace", "0", "-o", "talk.srt", *more)
    assert result.exit_code == 0, result.stderr
    assert Path("talk.srt").read_text().splitlines()[2:-1] == lines
    assert result.stderr.rstrip().endswith("-> talk.srt")


def test_it_stops_by_itself_after_the_duration(command: Command, tone: Tone) -> None:
    result = command("live", "--file", tone(seconds=60.0), "--pace", "20", "--duration", "2", "--json")
    assert result.exit_code == 0
    assert only_session().duration == pytest.approx(2.0, abs=0.11)
    assert spoken(parsed(result.stdout)) == ["Hello there."]


def test_speech_that_cannot_be_played_holds_nothing_up(
    command: Command, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere")
    result = command("live", "--file", tone(), "--pace", "0", "--speak", "--engine", "tts=hum", "--json")
    assert result.exit_code == 0
    told = parsed(result.stdout)
    assert spoken(told) == ["Hello there."]
    assert [event.type for event in told].count("speech") == 1


# what is refused before anything is recorded


def refused(result: Result, code: int, *said: str) -> None:
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    for text in said:
        assert text in result.stderr
    assert "Traceback" not in result.stderr
    assert sessions.recordings() == []


def test_two_sources_are_refused(command: Command, tone: Tone) -> None:
    refused(command("live", "--file", tone(), "--device", "desk"), 2, "--device and --file", "Leave one")


def test_a_voice_without_speech_is_refused(command: Command, tone: Tone) -> None:
    refused(command("live", "--file", tone(), "--voice", "anna"), 2, "--voice needs --speak")


def test_what_to_show_in_no_file_or_of_no_translation_is_refused(command: Command, tone: Tone) -> None:
    talk = tone()
    refused(command("live", "--file", talk, "--show", "source"), 2, "--show needs -o", "Name a file")
    refused(command("live", "--file", talk, "--bilingual"), 2, "--bilingual needs -o")
    refused(command("live", "--file", talk, "-o", "a.srt", "--bilingual"), 2, "needs a translation", "--translate")


def test_an_output_of_no_known_format_is_refused(command: Command, tone: Tone) -> None:
    refused(command("live", "--file", tone(), "-o", "talk.doc"), 2, "'talk.doc' has no suffix", "srt")


def test_an_output_that_exists_is_kept_unless_force_is_given(command: Command, tone: Tone) -> None:
    Path("talk.srt").write_text("mine")
    refused(command("live", "--file", tone(), "--pace", "0", "-o", "talk.srt"), 2, "'talk.srt' exists already")
    assert Path("talk.srt").read_text() == "mine"
    assert command("live", "--file", tone("b.wav"), "--pace", "0", "-o", "talk.srt", "--force").exit_code == 0
    assert "Hello" in Path("talk.srt").read_text()


def test_a_file_that_is_not_there_is_refused(command: Command) -> None:
    refused(command("live", "--file", "gone.wav"), 2, "no such file: 'gone.wav'")


def test_a_device_that_is_not_there_is_refused(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", "unix:/nowhere")
    refused(command("live", "--device", "no such device"), 4)


def test_without_a_microphone_no_engine_is_loaded(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(wanted: str | None, kind: str) -> None:
        raise MissingError("there is no microphone or other source")

    monkeypatch.setattr("workbench.cli.live.find_device", nothing)
    result = command("live")
    refused(result, 4, "there is no microphone", "workbench live --file FILE")
    assert "Loading" not in result.stderr


@pytest.mark.parametrize(("stage", "engine"), [("vad", "always"), ("asr", "echo")])
def test_an_engine_that_does_not_load_is_told(command: Command, tone: Tone, stage: str, engine: str) -> None:
    result = command("live", "--file", tone(), "--option", f"{stage}.fault=constructor")
    refused(result, 1, f"{stage} engine '{engine}' failed to load: RuntimeError: no luck in constructor")


# what goes wrong


@pytest.mark.parametrize(("stage", "engine"), [("vad", "always"), ("asr", "echo")])
def test_an_engine_that_fails_is_told_and_the_audio_is_kept_for_later(
    command: Command, tone: Tone, stage: str, engine: str
) -> None:
    result = command("live", "--file", tone(seconds=4.0), "--pace", "0", "--option", f"{stage}.fault=process")
    assert result.exit_code == 1
    assert f"{stage} engine '{engine}' failed at 0:00.0: RuntimeError: no luck in process" in result.stderr
    assert "Traceback" not in result.stderr
    recording = only_session()
    assert recording.duration == 4.0
    assert f"To recognize the rest: workbench sessions finish {recording.name}" in result.stderr
    assert command("sessions", "finish", "last", "--option", f"{stage}.fault=process").exit_code == 1
    assert command("sessions", "finish", "last").exit_code == 0
    assert texts(recording.captions()) == ["Hello there."]


def test_a_detector_that_is_given_up_is_told_with_the_command_that_goes_on(command: Command, tone: Tone) -> None:
    result = command("live", "--file", tone(), "--pace", "0", "--option", "vad.fault=process", "--json")
    assert result.exit_code == 1
    assert "vad engine 'always' failed at 0:00.0" in result.stderr
    (waiting,) = (e for e in parsed(result.stdout) if isinstance(e, events.Error) and e.code == "waiting")
    assert f"workbench sessions finish {only_session().name} --engine vad=NAME" in waiting.hint


@posix
def test_a_reader_that_goes_away_ends_it_quietly(running: Callable[..., Running], tone: Tone) -> None:
    arguments = ["--option", "vad.max_speech_s=2", "--pace", "20", "--plain"]
    child = running("--file", tone(seconds=600.0), *arguments)
    child.writes("Hello there.")
    assert child.process.stdout is not None
    child.process.stdout.close()
    assert child.process.wait(60) == 128 + signal.SIGPIPE
    assert child.process.stderr is not None
    assert child.process.stderr.read().decode().count("\n") == 3  # two engines are loaded, and it listens
    recording = only_session()
    assert recording.captions(), "what was told before is kept"
    left = recording.duration - recording.done_until()
    assert recording.state is (State.INTERRUPTED if left > LEFT_S else State.FINISHED), left


@posix
def test_a_disk_that_is_full_is_told_once_and_what_was_stored_is_recognized(
    running: Callable[..., Running], tone: Tone
) -> None:
    import resource

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    arguments = ["--option", "vad.max_speech_s=2", "--pace", "10", "--json", "-o", "talk.srt"]
    code, out, said = running("--file", tone(seconds=8.0), *arguments, preexec_fn=small_disk).ended()
    told = parsed(out)
    errors = [event for event in told if isinstance(event, events.Error)]
    assert [error.stage for error in errors] == ["capture", ""]
    assert "0:00:03 of audio before are stored" in errors[0].hint
    assert "4.9 s of audio are not stored" in errors[1].message
    assert said.count("4.9 s of audio are not stored") == 1
    assert only_session().duration == pytest.approx(100_000 / 32_000, abs=0.1)
    assert set(spoken(told)) == {"Hello there."}
    assert "Hello there." in Path("talk.srt").read_text("utf-8")
    assert "Traceback" not in said
    assert code == 74


# signals

HELD = ["--pace", "4", "--json"]


@pytest.fixture
def held(running: Callable[..., Running], tone: Tone) -> Callable[..., tuple[Running, Path]]:
    """It listens, and has given the recognizer speech, which is recognized when the gate is there."""

    def start() -> tuple[Running, Path]:
        gate = Path("gate").resolve()
        options = [f"asr.gate={gate}", "vad.max_speech_s=2"]
        child = running("--file", tone(seconds=240.0), *HELD, *(f"--option={option}" for option in options))
        child.says("Listening")
        child.writes("speech_ended")
        return child, gate

    return start


@posix
def test_ctrl_c_ends_the_capture_and_everything_before_is_recognized(
    held: Callable[..., tuple[Running, Path]],
) -> None:
    child, gate = held()
    child.signal("SIGINT")
    assert "s are to be recognized. Ctrl-C drops them." in child.says("Stopping")
    gate.touch()
    code, out, said = child.ended()
    assert code == 0, said
    recording = only_session()
    told = parsed(out)
    assert told[-1].type == "done"
    ended = [e.end for e in recording.events() if isinstance(e, events.SpeechEnded)]
    assert len(spoken(told)) == len(ended)
    assert ended[-1] == pytest.approx(recording.duration, abs=0.11)
    assert recording.state is State.FINISHED
    assert texts(recording.captions()) == spoken(told)


@posix
def test_ctrl_c_leaves_nothing_of_the_interim_line_nor_of_itself(place: Path, tone: Tone) -> None:
    words = ["-m", "workbench", "live", "--file", str(tone(seconds=60.0)), "--pace", "2"]
    with Terminal(*words, size=(12, 40), env={"COLUMNS": "12"}) as terminal:
        terminal.until(lambda: b"\x1b[2mlo there.\x1b[0m" in terminal.written)
        terminal.type("\x03")
        assert terminal.ended() == 0
    lines = [line.strip() for line in terminal.text.splitlines()]
    assert "^C" in terminal.written.decode()
    assert "^C" not in terminal.text
    stopping = next(number for number, line in enumerate(lines) if "Stopping" in line)
    assert lines[stopping].startswith("Stopping: ")
    assert "lo there." not in lines


@posix
def test_a_second_ctrl_c_drops_what_is_not_recognized_and_keeps_the_audio(
    held: Callable[..., tuple[Running, Path]],
) -> None:
    child, gate = held()
    child.signal("SIGINT")
    child.says("Stopping")
    child.signal("SIGINT")
    child.says("Dropping")
    gate.touch()
    code, out, _ = child.ended()
    assert code == 0
    told = parsed(out)
    (error,) = (event for event in told if isinstance(event, events.Error))
    assert error.code == "unfinished"
    assert "are not recognized" in error.message
    assert "The audio is stored" in error.hint
    assert "done" not in {event.type for event in told}
    assert only_session().duration > 1.0


@posix
def test_a_fourth_ctrl_c_ends_it_although_an_engine_hangs(held: Callable[..., tuple[Running, Path]]) -> None:
    child, _ = held()
    child.signal("SIGINT")
    child.says("Stopping")
    child.signal("SIGINT")
    child.says("Dropping")
    child.signal("SIGINT")
    child.says("Once more ends it at once")
    child.signal("SIGINT")
    with stopwatch() as passed:
        assert child.process.wait(60) == 130
        assert passed() < 1.5, "sooner than anything is given up"
    assert only_session().state is State.INTERRUPTED
    assert f"workbench sessions finish {only_session().name}" in child.ended()[2]


@posix
def test_a_second_sigterm_ends_it_at_once_and_names_the_session(held: Callable[..., tuple[Running, Path]]) -> None:
    child, _ = held()
    child.signal("SIGTERM")
    child.says("Once more ends it at once")
    child.signal("SIGTERM")
    code, _, said = child.ended()
    assert code == 143
    step = f"workbench sessions finish {only_session().name}"
    assert f"What was captured is stored. To recognize it: {step}" in said


@posix
def test_who_stops_drops_and_leaves_is_told_what_that_waits_for_and_waits_no_longer(
    held: Callable[..., tuple[Running, Path]],
) -> None:
    child, _ = held()
    child.signal("SIGINT")
    child.says("Stopping")
    child.signal("SIGINT")
    child.says("Dropping")
    child.writes("asr engine 'echo' is still at work")
    child.signal("SIGINT")
    child.says("Once more ends it at once")
    assert child.process.wait(60) == 130
    assert only_session().duration > 0.0


@posix
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_ends_it_and_what_was_captured_is_kept_for_later(
    held: Callable[..., tuple[Running, Path]], name: str
) -> None:
    child, gate = held()
    child.signal(name)
    child.says("Stopping")
    gate.touch()
    code, _, said = child.ended()
    assert code == 128 + getattr(signal, name)
    assert "Traceback" not in said
    recording = only_session()
    assert recording.state is State.INTERRUPTED
    assert recording.duration > 1.0
    assert sessions.interrupted()[0].name == recording.name
    assert said.splitlines()[-1].startswith(f"{recording.name}: 0:")
    assert said.splitlines()[-1].endswith(f"To recognize the rest: workbench sessions finish {recording.name}")


# real speech


@needs_engines
def test_real_speech_becomes_captions(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_PROFILE", "auto")
    options = ["--model", "tiny.en", "--translate", "pt", "--json", "-o", "jfk.vtt"]
    ran = child("live", "--file", clip("read/jfk.flac"), "--pace", "4", *options)
    assert ran.returncode == 0, ran.stderr.decode()
    told = parsed(ran.stdout.decode())
    text = " ".join(spoken(told)).lower()
    assert "what your country can do for you" in text
    assert "my fellow americans" in text
    interim = [e.transcript for e in told if isinstance(e, events.Transcript) and not e.transcript.is_final]
    assert interim
    assert all(transcript.text.startswith(transcript.stable) for transcript in interim)
    assert "país" in Path("jfk.vtt").read_text("utf-8")
