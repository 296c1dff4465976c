"""From real speech to files on disk, with the plugins that come with the project."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import Result

from tests.audio.test_strange import floats
from tests.real_speech import REPOSITORY, clip, needs_engines

Command = Callable[..., Result]
Child = Callable[..., "subprocess.CompletedProcess[bytes]"]

pytestmark = needs_engines


@pytest.fixture
def kennedy() -> Path:
    return clip("read/jfk.flac")


@pytest.fixture
def transcribe(child: Child, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Run it with tiny.en; gives standard output."""
    monkeypatch.setenv("WORKBENCH_PROFILE", "auto")

    def run(*arguments: str | Path) -> str:
        ran = child("transcribe", "--model", "tiny.en", *arguments)
        assert ran.returncode == 0, ran.stderr.decode()
        assert "note: plugin" not in ran.stderr.decode()
        return ran.stdout.decode()

    return run


def test_a_recording_becomes_subtitles(transcribe: Callable[..., str], kennedy: Path) -> None:
    text = transcribe(kennedy, "-o", "-", "--format", "txt").lower().replace("\n", " ")
    assert "my fellow americans" in text
    assert "ask not what your country can do for you" in text
    assert "ask what you can do for your country" in text


@pytest.mark.parametrize("style", ["default", "netflix"])
def test_real_speech_breaks_few_rules_and_check_lists_them_all(
    transcribe: Callable[..., str], command: Command, style: str
) -> None:
    clips = [clip("read/jfk.flac"), clip("meeting/dev01.wav")]
    transcribe(*clips, "--mux", "-l", "en", "--option", f"export.style={style}", "-o", "out/")
    for path in clips:
        checked = command("subtitles", "check", f"out/{path.stem}.srt", "-l", "en", "--style", style, "--json")
        row = json.loads(checked.stdout)
        assert {violation["rule"] for violation in row["violations"]} <= {"max_cps", "min_duration_s", "line_end"}
        assert len(row["violations"]) <= row["cues"] / 4
        assert checked.exit_code == bool(row["violations"])
        with av.open(f"out/{path.stem}.subtitled.mkv") as copy:
            packets = [packet for packet in copy.demux(subtitles=0) if packet.size]
            assert (len(packets), copy.streams.subtitles[0].metadata["language"]) == (row["cues"], "eng")


def test_a_recording_is_translated_and_the_translation_has_the_times_of_the_speech(
    transcribe: Callable[..., str], kennedy: Path
) -> None:
    row = json.loads(transcribe(kennedy, "--translate", "pt", "--bilingual", "--json", "-o", "out/"))
    assert row["language"] == "en"
    assert row["duration"] == pytest.approx(11.0, abs=0.1)
    assert row["output"] == ["out/jfk.pt.srt"]
    starts = [segment["start"] for segment in row["segments"]]
    assert starts == sorted(starts)
    assert all(0 <= segment["start"] < segment["end"] <= row["duration"] for segment in row["segments"])
    assert "país" in " ".join(segment["translation"] for segment in row["segments"])
    words = [word for segment in row["segments"] for word in segment["words"]]
    assert "".join(word["text"] for word in words).split() == " ".join(s["text"] for s in row["segments"]).split()
    assert "país" in Path("out/jfk.pt.srt").read_text("utf-8")


def test_the_sound_of_a_video_is_spoken_again(transcribe: Callable[..., str]) -> None:
    transcribe(REPOSITORY / "samples" / "talk.mp4", "--speak", "--engine", "tts=hibari", "-o", "out/")
    with av.open("out/talk.speech.wav") as spoken, av.open(str(REPOSITORY / "samples" / "talk.mp4")) as talk:
        assert spoken.duration is not None
        assert talk.duration is not None
        assert 0.8 < spoken.duration / talk.duration < 1.4
    assert "-->" in Path("out/talk.srt").read_text("utf-8")


def test_what_holds_no_speech_gives_no_cue_although_the_recognizer_hears_it(transcribe: Callable[..., str]) -> None:
    """The fixed detector hands everything on, as if it were speech."""
    count = 6 * 16_000
    sounds = {
        "silence.wav": np.zeros(count),
        "dither.wav": np.random.default_rng(1).uniform(-2e-5, 2e-5, count),
        "current.wav": np.full(count, 0.9),
        "hum.wav": 0.3 * np.sin(2 * np.pi * 50 * np.arange(count) / 16_000),
        "nan.wav": np.where(np.arange(count) % 7 == 0, np.nan, 0.0),
    }
    for name, samples in sounds.items():
        Path(name).write_bytes(floats(samples))
    rows = [json.loads(line) for line in transcribe(*sounds, "--engine", "vad=fixed", "--json").splitlines()]
    assert {row["file"]: row["segments"] for row in rows} == {name: [] for name in sounds}
    assert {path.read_bytes() for path in Path().glob("*.srt")} == {b""}
