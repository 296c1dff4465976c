"""What a user sees of `workbench transcribe`: files, JSON, exit codes and what is said about bad input."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from typer.testing import Result

from workbench.jobs.store import JobStore

Command = Callable[..., Result]
Tone = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("outside")


def wav(
    path: Path, samples: npt.NDArray[Any], rate: int = 16_000, channels: int = 1, claims: int | None = None
) -> Path:
    """A WAV of float32 samples, whatever they are; `claims` is the size of the audio that the header tells."""
    data = samples.astype("<f4").tobytes()
    size = len(data) if claims is None else claims
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, channels, rate, rate * 4 * channels % 2**32, 4 * channels, 32)
    path.write_bytes(
        struct.pack("<4sI4s", b"RIFF", 28 + size + 8, b"WAVE") + form + b"data" + struct.pack("<I", size) + data
    )
    return path


def noise(seconds: float, rate: int = 16_000) -> npt.NDArray[Any]:
    return np.random.default_rng(1).uniform(-0.5, 0.5, round(seconds * rate)).astype(np.float32)


def files(folder: Path = Path()) -> list[str]:
    """Everything in `folder`, hidden or not."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def refused(result: Result, code: int, *said: str) -> None:
    """One line that says what and where, and one with what to do next; then, where work began, what is kept of it."""
    assert result.exit_code == code, result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]
    assert lines[2:] in ([], ["What was made of files that failed is kept. To try again: workbench jobs retry"])
    assert lines[0].startswith("workbench: ")
    assert lines[1].startswith("  ")
    assert lines[1].strip()
    for text in said:
        assert text in result.stderr
    assert "Traceback" not in result.stderr


# what comes out


def test_subtitles_are_written_beside_the_file(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone())
    assert result.exit_code == 0
    assert result.stdout == ""
    assert "talk.wav -> talk.srt (0:02, en, 1 cue" in result.stderr
    assert Path("talk.srt").read_text() == "1\n00:00:00,000 --> 00:00:02,500\nHello there.\n\n"
    assert files() == ["talk.srt", "talk.wav"]


def test_json_is_one_object_a_file_and_nothing_else(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone("a.wav"), tone("b.wav"), "--json", "--translate", "xx")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(row["file"] for row in rows) == ["a.wav", "b.wav"]
    for row in rows:
        assert row.pop("elapsed") > 0
        assert row.pop("segmentation")["covered"] == 1.0
        name = Path(row.pop("file")).stem
        assert row == {
            "output": [f"{name}.xx.srt"],
            "language": "en",
            "duration": 2.0,
            "segments": [
                {
                    "start": 0.0,
                    "end": 2.0,
                    "text": "Hello there.",
                    "words": [
                        {"start": 0.0, "end": 1.0, "text": " Hello", "probability": 0.75},
                        {"start": 1.0, "end": 2.0, "text": " there.", "probability": 0.5},
                    ],
                    "translation": ".ereht olleH",
                }
            ],
            "repeated": [],
            "drift": None,
            "warnings": [],
        }


def test_without_a_translator_the_translation_is_null(command: Command, tone: Tone) -> None:
    row = json.loads(command("transcribe", tone(), "--json").stdout)
    assert row["segments"][0]["translation"] is None


def test_a_file_that_fails_has_its_error_in_json(command: Command, tone: Tone) -> None:
    Path("bad.wav").write_text("not audio")
    result = command("transcribe", tone("good.wav"), "bad.wav", "missing.wav", "--json")
    rows = {row["file"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert result.exit_code == 3
    assert rows["good.wav"]["output"] == ["good.srt"]
    assert rows["bad.wav"].keys() == {"file", "error"}
    assert rows["bad.wav"]["error"].keys() == {"code", "message", "hint"}
    assert [rows[name]["error"]["code"] for name in ("bad.wav", "missing.wav")] == ["input", "usage"]


def test_what_to_do_is_said_once_for_files_that_fail_alike(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone("a.wav"), tone("b.wav"), "--json", "--option", "asr.fault=broken")
    assert result.exit_code == 1
    assert result.stderr.count("the weights are damaged") == 2
    assert result.stderr.count("Fetch them again.") == 1
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert sorted(row["file"] for row in rows) == ["a.wav", "b.wav"]
    assert {row["error"]["code"] for row in rows} == {"engine"}


def test_a_model_that_cannot_be_had_is_told_once_before_any_file_is_begun(command: Command, tone: Tone) -> None:
    files = tone("a.wav"), tone("b.wav")
    for words in (["transcribe", *files], ["jobs", "watch", "."]):
        result = command(*words, "--model", "huge")
        assert result.exit_code == 4
        assert result.stderr.count("model 'huge' is not on this machine") == 1
        assert "workbench models" in result.stderr
        assert "Traceback" not in result.stderr
        assert JobStore().jobs() == []
    result = command("transcribe", *files, "--model", "huge", "--json")
    assert [json.loads(line)["error"]["code"] for line in result.stdout.splitlines()] == ["missing"] * 2


def test_a_translation_a_bilingual_file_and_speech_have_their_names(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone(), "--translate", "xx", "--speak", "--bilingual", "--format", "srt,vtt,txt")
    assert result.exit_code == 0, result.stderr
    assert files() == ["talk.wav", "talk.xx.srt", "talk.xx.txt", "talk.xx.vtt", "talk.xx.wav"]
    assert Path("talk.xx.srt").read_text().splitlines()[2:4] == ["Hello there.", ".ereht olleH"]
    with av.open("talk.xx.wav") as speech:
        assert speech.streams.audio[0].sample_rate == 24_000
        assert float(speech.duration or 0) / 1e6 == pytest.approx(0.5, abs=0.01)


def test_both_languages_can_be_asked_for_where_the_profile_names_the_other(command: Command, tone: Tone) -> None:
    profile = Path(os.environ["WORKBENCH_PROFILE"])
    profile.write_text(profile.read_text() + '[translation]\nengine = "mirror"\n[settings]\ntarget_language = "xx"\n')
    assert command("transcribe", tone(), "--bilingual").exit_code == 0
    assert "Hello there.\n.ereht olleH\n" in Path("talk.xx.srt").read_text()


def test_speech_without_a_translation_speaks_what_was_said(command: Command, tone: Tone) -> None:
    assert command("transcribe", tone(), "--speak", "--voice", "anna", "--engine", "tts=hum").exit_code == 0
    assert files() == ["talk.speech.wav", "talk.srt", "talk.wav"]


def test_a_file_is_shown_without_detours_and_taken_once(command: Command, tone: Tone) -> None:
    Path("deep").mkdir()
    path = tone()
    result = command("transcribe", path, Path("deep") / ".." / path, "--plain")
    assert result.exit_code == 0
    assert ".." not in result.stderr
    assert result.stderr.count("talk.srt") == 1


def test_an_output_folder_is_made(command: Command, tone: Tone) -> None:
    assert command("transcribe", tone("a.wav"), tone("b.wav"), "-o", "new/deep").exit_code == 0
    assert files(Path("new")) == ["deep/a.srt", "deep/b.srt"]


def test_a_dash_writes_subtitles_to_standard_output_and_nothing_else(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone(), "-o", "-", "--format", "vtt")
    assert result.stdout.startswith("WEBVTT\n")
    assert "standard output" in result.stderr
    assert files() == ["talk.wav"]


def test_plain_tells_what_goes_on_without_drawing(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone(), "--plain")
    assert result.stderr.splitlines()[0] == "Loading engines"
    assert "\x1b" not in result.stderr


# engines from anywhere


def test_weights_that_are_fetched_are_seen_to_come(
    command: Command, tone: Tone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.cli.progress.PLAIN_INTERVAL_S", -1.0)
    result = command("transcribe", tone(), "--plain", "--option", "asr.fetches=true")
    assert result.stderr.splitlines()[:2] == ["Loading engines", "Fetching weights: 5 of 8 MB"]


def test_engines_from_other_packages_are_named_by_flag(command: Command, tone: Tone, monkeypatch: Any) -> None:
    monkeypatch.setenv("WORKBENCH_PROFILE", "auto")
    stages = [f"--engine={stage}" for stage in ("vad=always", "asr=echo", "translation=mirror", "export=listing")]
    result = command("transcribe", tone(), *stages, "--translate", "xx", "--format", "lst")
    assert result.exit_code == 0, result.stderr
    assert Path("talk.xx.lst").read_text() == "0.0 .ereht olleH\n"


def test_engines_from_other_packages_are_named_by_a_profile(command: Command, tone: Tone) -> None:
    Path("mine.toml").write_text(
        'schema = 1\nname = "mine"\n[capture]\nengine = "tone"\n[vad]\nengine = "always"\n[asr]\nengine = "echo"\n'
        '[translation]\nengine = "mirror"\n[settings]\ntarget_language = "xx"\n'
    )
    result = command("transcribe", tone(seconds=1.0), "--profile", "mine.toml", "--json")
    row = json.loads(result.stdout)
    assert row["duration"] == 3.0  # that of the capture engine
    assert row["output"] == ["talk.xx.srt"]


def test_an_option_reaches_the_engine_and_the_core(command: Command, tone: Tone) -> None:
    options = ["--option", "asr.language=fr", "--option", "vad.max_speech_s=2.5", "--option", "asr.packing=false"]
    row = json.loads(command("transcribe", tone(seconds=6.0), "--json", *options).stdout)
    assert row["language"] == "fr"
    assert len(row["segments"]) > 1


@pytest.mark.parametrize("how", ["flag", "profile"])
def test_the_track_of_a_file_can_be_chosen(command: Command, how: str) -> None:
    with av.open("two.mkv", "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(2)]
        container.start_encoding()
        for stream, seconds in zip(streams, (2, 4), strict=True):
            frame = av.AudioFrame.from_ndarray(np.ones((1, seconds * 16_000), np.int16), "s16", "mono")
            frame.sample_rate = 16_000
            container.mux(stream.encode(frame))
    if how == "flag":
        result = command("transcribe", "two.mkv", "--json", "--option", "capture.track=2")
    else:
        profile = Path(os.environ["WORKBENCH_PROFILE"])
        profile.write_text(profile.read_text() + '[capture]\nengine = "file"\noptions = { track = 2 }\n')
        result = command("transcribe", "two.mkv", "--json")
    assert json.loads(result.stdout)["duration"] == pytest.approx(4.0, abs=0.1)
    refused(
        command("transcribe", "two.mkv", "--force", "--option", "capture.track=3"), 1, "no audio track 3", "It has: 1"
    )


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_plugin_can_be_left_out_before_and_after_the_command(command: Command, tone: Tone, before: bool) -> None:
    out, run = ["--no-plugin", "outside"], ["transcribe", str(tone())]
    result = command(*(out + run if before else [*run, "--no-plugin=workbench-outside"]))
    assert result.exit_code == 2
    assert "no vad engine is called 'always'" in result.stderr
    assert "no asr engine is called 'echo'" in result.stderr
    assert files() == ["talk.wav"]


def test_without_plugins_there_is_nothing_to_recognize_with(command: Command, tone: Tone, monkeypatch: Any) -> None:
    monkeypatch.setenv("WORKBENCH_NO_PLUGINS", "1")
    monkeypatch.setenv("WORKBENCH_PROFILE", "auto")
    refused(command("transcribe", tone()), 4, "no engine for asr is installed", "Unset WORKBENCH_NO_PLUGINS")


def test_a_broken_plugin_leaves_the_rest_working_and_is_told(
    command: Command, tone: Tone, install: Callable[..., None]
) -> None:
    install("raises-at-import", "exits-at-import", "raises-in-hook", "registers-garbage")
    result = command("transcribe", tone())
    assert result.exit_code == 0
    notes = [line for line in result.stderr.splitlines() if line.startswith("note: ")]
    assert len(notes) == 4
    assert "note: plugin 'raises-at-import' is left out: RuntimeError: no luck at import" in notes


def test_of_two_engines_with_one_name_neither_is_used(
    command: Command, tone: Tone, install: Callable[..., None]
) -> None:
    install("twin-of-always")
    result = command("transcribe", tone())
    assert result.exit_code == 2
    assert "twin-of-always" in result.stderr
    assert "workbench-outside" in result.stderr
    assert "--no-plugin" in result.stderr
    assert command("transcribe", "talk.wav", "--no-plugin", "twin-of-always").exit_code == 0


# what is refused before work


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--engine", "asr=eco"], 2, ["no asr engine is called 'eco'", "Did you mean 'echo'?"]),
        (["--engine", "asr"], 2, ["--engine 'asr'", "STAGE=NAME"]),
        (["--engine", "ars=echo"], 2, ["did you mean 'asr'", "Stages: capture, vad"]),
        (["--option", "asr.langage=fr"], 2, ["--option asr.langage=fr: unknown option", "did you mean 'language'"]),
        (["--option", "vad.threshold=loud"], 2, ["--option vad.threshold=loud: must be a number"]),
        (["--option", "vad.threshold=7"], 2, ["--option vad.threshold=7: must be less than 1"]),
        (["--option", "threshold=1"], 2, ["STAGE.KEY=VALUE"]),
        (["--option", "asr.license=lost"], 4, ["echo has no license", "Buy one."]),
        (["--translate", "pt", "--engine", "translation=mirror"], 2, ["to pt", "en-xx"]),
        (["--translate", "xx", "--language", "fr", "--engine", "translation=mirror"], 2, ["from fr to xx", "en-xx"]),
        (["--speak", "--voice", "bob", "--engine", "tts=hum"], 2, ["no voice 'bob'", "anna, otto"]),
        (["--speak", "--language", "fr", "--engine", "tts=hum"], 2, ["does not speak 'fr'", "en, xx"]),
        (["--voice", "anna"], 2, ["--voice needs --speak"]),
        (["--bilingual"], 2, ["--bilingual needs a translation", "--translate"]),
        (["--json", "-o", "-"], 2, ["--json and -o -"]),
        (["--format", "srt,doc"], 2, ["no format is called 'doc'", "Formats: srt"]),
        (["--format", ","], 2, ["no format is called ','"]),
        (["-o", "x.srt", "--format", "vtt"], 2, ["'x.srt' does not go with --format vtt"]),
        (["-o", "-", "--speak", "--engine", "tts=hum"], 2, ["no speech", "-o FOLDER/"]),
        (["-o", "taken/"], 2, ["'taken/' is a file, where a folder is needed"]),
        (["-"], 2, ["audio is not taken from standard input", "Write it to a file first"]),
        (["-o", "missing/x.srt"], 74, ["there is no folder 'missing'", "Create the folder"]),
        (["-o", "taken/deeper/"], 74, ["'taken/deeper' cannot be written", "no folder 'taken'"]),
        (["--profile", "nosuch"], 2, ["no profile is called 'nosuch'", "workbench profile list"]),
        (["--profile", "nosuch.toml"], 2, ["no such file: 'nosuch.toml'", "workbench profile list"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_on_the_command_line_is_refused(
    command: Command, tone: Tone, arguments: list[str], code: int, said: list[str]
) -> None:
    Path("taken").write_text("mine")
    refused(command("transcribe", tone(), *arguments), code, *said)
    assert files() == ["taken", "talk.wav"]


def test_all_mistakes_of_a_profile_are_told_with_line_and_remedy(command: Command, tone: Tone) -> None:
    Path("bad.toml").write_text(
        'schema = 1\nname = "bad"\n[vad]\nengine = "alway"\n[asr]\nengine = "echo"\ninstance = { min = 2 }\n'
        "[asr.options]\nlangage = 'en'\ngate = 3\n"
    )
    result = command("transcribe", tone(), "--profile", "bad.toml")
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0] == "workbench: bad.toml has 4 mistakes"
    assert [line.split(":")[1] for line in lines[1:5]] == ["4", "7", "9", "10"]
    for line, meant in zip(lines[1:5], ("'always'", "'instances'", "'language'", "a path"), strict=True):
        assert meant in line
    assert "--profile" in lines[5]


def test_an_output_that_exists_is_kept_unless_force_is_given(command: Command, tone: Tone) -> None:
    Path("talk.srt").write_text("mine")
    refused(command("transcribe", tone()), 2, "'talk.srt' exists already", "--force")
    assert Path("talk.srt").read_text() == "mine"
    assert command("transcribe", "talk.wav", "--force").exit_code == 0
    assert "Hello" in Path("talk.srt").read_text()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows may write in such a folder")
def test_a_folder_that_cannot_be_written_is_refused_before_work(command: Command, tone: Tone) -> None:
    Path("closed").mkdir(mode=0o500)
    result = command("transcribe", tone(), "-o", "closed/", "--option", "asr.fault=constructor")
    refused(result, 74, "permission denied", "closed")


# files that are no good


def _video_only() -> None:
    with av.open("bad.wav", "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))


BAD: dict[str, tuple[Callable[[], Any], int, str]] = {
    "missing": (lambda: None, 2, "no such file: 'bad.wav'"),
    "an empty folder": (lambda: Path("bad.wav").mkdir(), 2, "there is no audio or video file in 'bad.wav'"),
    "empty": (lambda: Path("bad.wav").touch(), 1, "'bad.wav' is empty"),
    "text": (lambda: Path("bad.wav").write_text("hello"), 1, "'bad.wav' is not audio"),
    "a picture track only": (_video_only, 1, "'bad.wav' has no audio track"),
    "a playlist": (lambda: Path("bad.wav").write_text("#EXTM3U\n/etc/passwd\n"), 1, "'bad.wav' is a playlist"),
    "a header without audio": (lambda: wav(Path("bad.wav"), noise(0)), 1, "without samples"),
    "not a number": (lambda: wav(Path("bad.wav"), np.full(32_000, math.nan)), 1, "no sample that is a number"),
    "a billion hertz": (lambda: wav(Path("bad.wav"), noise(1), rate=10**9), 1, "1000000000 Hz"),
    "no channels": (lambda: wav(Path("bad.wav"), noise(1), channels=0), 1, "'bad.wav'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_file_that_is_no_good_is_refused_in_one_line(command: Command, kind: str) -> None:
    make, code, said = BAD[kind]
    make()
    before = files()
    refused(command("transcribe", "bad.wav"), code, said)
    assert files() == before


GOOD: dict[str, tuple[Callable[[], Any], float]] = {
    "a tenth of a second": (lambda: wav(Path("good.wav"), noise(0.1)), 0.1),
    "8 kHz": (lambda: wav(Path("good.wav"), noise(2, 8_000), rate=8_000), 2.0),
    "192 kHz": (lambda: wav(Path("good.wav"), noise(2, 192_000), rate=192_000), 2.0),
    "6 channels": (lambda: wav(Path("good.wav"), noise(2 * 6), channels=6), 2.0),
    "some samples are no numbers": (
        lambda: wav(Path("good.wav"), np.where(np.arange(32_000) % 7 == 0, np.nan, 0.1)),
        2.0,
    ),
    "a header that claims too much": (lambda: wav(Path("good.wav"), noise(2), claims=10**8), 2.0),
    "cut off": (lambda: Path("good.wav").write_bytes(wav(Path("x"), noise(4)).read_bytes()[:64_044]), 1.0),
}


@pytest.mark.parametrize("kind", GOOD)
def test_odd_audio_is_used_as_far_as_it_goes(command: Command, kind: str) -> None:
    make, duration = GOOD[kind]
    make()
    result = command("transcribe", "good.wav", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["duration"] == pytest.approx(duration, abs=0.05)
    assert Path("good.srt").exists()
    warned = "note: " in result.stderr
    assert warned == (kind in ("some samples are no numbers", "a header that claims too much", "cut off"))


def test_digital_silence_gives_an_empty_subtitle_file(command: Command) -> None:
    wav(Path("silence.wav"), np.zeros(64_000))
    result = command("transcribe", "silence.wav", "--json", "--engine", "vad=energy", "--format", "srt,vtt")
    row = json.loads(result.stdout)
    assert (result.exit_code, row["segments"], row["language"]) == (0, [], None)
    assert "no speech" in result.stderr
    assert Path("silence.srt").read_bytes() == b""
    assert Path("silence.vtt").read_text().strip() == "WEBVTT"


def test_one_bad_file_does_not_stop_the_others(command: Command, tone: Tone) -> None:
    result = command("transcribe", tone("a.wav"), "missing.wav", tone("b.wav"))
    assert result.exit_code == 3
    assert files() == ["a.srt", "a.wav", "b.srt", "b.wav"]
    assert "workbench: no such file: 'missing.wav'" in result.stderr


def test_files_that_fail_alike_have_the_exit_code_of_their_failure(command: Command, tone: Tone) -> None:
    assert command("transcribe", "x.wav", "y.wav").exit_code == 2
    Path("empty.wav").touch()
    assert command("transcribe", "x.wav", "empty.wav").exit_code == 1
    assert command("transcribe", tone("a.wav"), tone("b.wav"), "--option", "asr.fault=process").exit_code == 1


# plugins that are no good


FAULTS = {
    "asr.fault=resolve": "asr engine 'echo' failed to load: RuntimeError: no luck in resolve and a second line",
    "asr.fault=constructor": "asr engine 'echo' failed to load: RuntimeError: no luck in constructor and",
    "asr.fault=exit": "asr engine 'echo' failed to load: SystemExit: 5",
    "vad.fault=constructor": "vad engine 'always' failed to load: RuntimeError: no luck in constructor",
    "asr.fault=detection": "talk.wav: asr engine 'echo' failed at 0:00.0: RuntimeError: no luck in detection",
    "asr.fault=process": "talk.wav: asr engine 'echo' failed at 0:00.0: RuntimeError: no luck in process",
    "asr.fault=garbage": "failed at 0:00.0: TypeError: it gave a str, not a Transcript",
    "translation.fault=process": "translation engine 'mirror' failed at 0:00.0: RuntimeError: no luck in",
    "export.fault=render": "talk.wav: export engine 'listing' failed to make lst: RuntimeError: no luck in",
    "export.fault=garbage": "export engine 'listing' failed to make lst: TypeError: it gave a str, not bytes",
    "capture.fault=open": "capture engine 'tone' failed to open 'talk.wav': RuntimeError: no luck in open",
    "capture.fault=read": "talk.wav: capture engine 'tone' failed at 0:01.0: RuntimeError: no luck in read",
    "capture.fault=garbage": "talk.wav: capture engine 'tone' failed at 0:01.0: AttributeError: 'str'",
}


@pytest.mark.parametrize("option", FAULTS)
def test_a_plugin_that_fails_is_named_and_its_traceback_is_in_the_log(
    command: Command, tone: Tone, log: Path, option: str
) -> None:
    stages = ["--engine=translation=mirror", "--engine=export=listing", "--engine=capture=tone", "--format=lst"]
    result = command("transcribe", tone(), "--translate", "xx", *stages, "--option", option)
    refused(result, 1, FAULTS[option], f"Details: {log}")
    assert files() == ["talk.wav"]
    told = log.read_text()
    assert ("Traceback" in told and "workbench_outside.py" in told) or "garbage" in option


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("process", "RuntimeError: no luck in process"), ("garbage", "TypeError: it gave a str, not an Activity")],
)
def test_a_detector_that_fails_is_told_and_another_takes_over(
    command: Command, tone: Tone, fault: str, reason: str
) -> None:
    result = command("transcribe", tone(), "--option", f"vad.fault={fault}")
    assert result.exit_code == 0, result.stderr
    assert f"note: vad engine 'always' failed at 0:00.0: {reason}" in result.stderr
    assert "speech is found by the detector 'energy'" in result.stderr
    assert "Hello there." in Path("talk.srt").read_text()


def test_a_detected_language_that_cannot_be_translated_is_told_as_detected(command: Command, tone: Tone) -> None:
    options = ["--engine", "translation=mirror", "--translate", "xx", "--option", "asr.language=fr"]
    result = command("transcribe", tone(), *options)
    refused(result, 2, "detected as 'fr'", "from fr to xx", "en-xx", "--language")
    assert files() == ["talk.wav"]


def test_nothing_is_left_of_speech_that_could_not_be_finished(command: Command, tone: Tone) -> None:
    options = [
        "--speak",
        "--translate",
        "xx",
        "--engine",
        "translation=mirror",
        "--option",
        "translation.fault=process",
    ]
    assert command("transcribe", tone(), *options).exit_code == 1
    assert files() == ["talk.wav"]
