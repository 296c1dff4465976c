"""What was recorded is found again, whatever became of the process that recorded it."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from workbench import events, sessions
from workbench.audio.spool import read_samples
from workbench.builtin.subtitles import SubtitleExporter
from workbench.errors import OutputError, UsageError
from workbench.export import Span
from workbench.journal import Journal
from workbench.sessions import Recording, State
from workbench.types import Transcript, Translation

RATE = 16_000
KILLED = """
import os, random, signal, wave
import numpy as np
from workbench import events, sessions
from workbench.journal import read_journal
from workbench.types import Transcript

def record(recording, pipe):
    recording = sessions.Recording(recording.folder)
    spool, journal = recording.spool(), recording.journal()
    position, segment = round(recording.done_until() * 16_000), recording.next_segment_id()
    while True:
        first = round(spool.end * 16_000)
        spool.append((np.arange(first, first + 480) % 30_000 / 32_768).astype(np.float32))
        end = round(spool.end * 16_000)
        start, stop = position / 16_000, end / 16_000
        journal.write(events.SpeechStarted(segment_id=segment, start=start))
        for a, b in ((start, (start + stop) / 2), ((start + stop) / 2, stop)):
            transcript = Transcript(segment_id=segment, text="word", language="en", start=a, end=b)
            journal.write(events.Transcript(transcript=transcript))
        journal.write(events.Progress(position=stop))
        os.write(pipe, f"{end}\\n".encode())
        position, segment = end, segment + 1

recording = sessions.Recording.create(source="x", profile="x", language=None, target_language=None)
recording.close()
chance, missing = random.Random(os.environ["SEED"]), 0
for _ in range(20):
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        record(recording, write)
    os.close(write)
    with open(read, "rb") as acknowledged:
        lines = [acknowledged.readline() for _ in range(chance.randrange(1, 150))]
        assert recording.state == "live"
        os.kill(child, signal.SIGKILL)
        lines += acknowledged.readlines()
    os.waitpid(child, 0)
    stored = max(int(line) for line in lines if line.endswith(b"\\n"))
    assert round(recording.duration * 16_000) >= stored
    assert recording.state in ("interrupted", "finished") and recording.duration - recording.done_until() <= 0.031
    assert recording.done_until() >= stored / 16_000
    with wave.open(str(recording.audio)) as file:
        missing = max(missing, recording.duration - file.getnframes() / 16_000)
    assert missing <= 2
recording.journal()
spoken = [caption.transcript for caption in recording.captions()]
edges = [0.0, *(transcript.end for transcript in spoken)]
assert [transcript.start for transcript in spoken] == edges[:-1], "each word once, and none is missing"
assert edges[-1] == recording.done_until()
print("all is there")
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data" / "sessions"


@pytest.fixture
def recording() -> Iterator[Recording]:
    """One that goes on."""
    recording = Recording.create(source="Mic", profile="auto", language=None, target_language=None)
    yield recording
    recording.close()


def said(journal: Journal, segment_id: int, text: str, start: float, translation: str = "") -> None:
    """A segment of a second, as a pipeline tells it."""
    transcript = Transcript(segment_id=segment_id, text=text, language="en", start=start, end=start + 1.0)
    journal.write(events.SpeechStarted(segment_id=segment_id, start=start - 0.2))
    journal.write(
        events.Transcript(
            transcript=Transcript(
                segment_id=segment_id, text=text[:2], language="en", start=start, end=start + 0.5, is_final=False
            )
        )
    )
    journal.write(events.SpeechEnded(segment_id=segment_id, start=start - 0.2, end=start + 1.2))
    journal.write(events.Transcript(transcript=transcript))
    if translation:
        journal.write(events.Translation(transcript=transcript, translation=transcript.translated(translation, "de")))


def texts(recording: Recording) -> list[str]:
    return [caption.transcript.text for caption in recording.captions()]


def test_a_session_tells_what_it_is_about(recording: Recording, place: Path) -> None:
    spool, journal = recording.spool(), recording.journal()
    spool.append(np.zeros(5 * RATE, np.float32))
    journal.write(events.LanguageDetected(language="en"))
    said(journal, 0, "Good morning.", 1.0, "Guten Morgen.")
    said(journal, 1, "Shall we?", 3.0)
    journal.write(events.Done(duration=5.0))
    recording.close()
    info = sessions.find("last").info()
    assert (info.name, info.source, info.profile, info.title) == (recording.name, "Mic", "auto", "")
    assert (info.duration, info.segments, info.state) == (5.0, 2, State.FINISHED)
    assert (info.language, info.target_language) == ("en", "de")
    assert info.preview == "Good morning. Shall we?"
    assert abs(datetime.now().astimezone() - info.started) < timedelta(minutes=1)
    assert info.to_dict()["started"] == info.started.isoformat()
    assert sorted(os.listdir(place / info.name)) == ["audio.wav", "journal.jsonl", "lock", "session.json"]


def test_a_session_is_live_until_it_is_closed(recording: Recording) -> None:
    other = sessions.find(recording.name)
    assert other.info().state is State.LIVE
    for write in (other.spool, other.journal, other.delete):
        with pytest.raises(UsageError, match="is being recorded"):
            write()
    recording.close()
    assert other.info().state is State.FINISHED, "there is nothing in it that could be worked on"
    other.spool().append(np.zeros(RATE, np.float32))
    assert recording.info().state is State.LIVE
    other.close()
    assert recording.info().state is State.INTERRUPTED
    assert [r.name for r in sessions.interrupted()] == [recording.name]


def test_sessions_that_start_at_once_have_names_of_their_own() -> None:
    made = [Recording.create(source="", profile="", language="en", target_language="de") for _ in range(3)]
    assert len({r.name for r in made}) == 3
    assert {r.name for r in sessions.recordings()} == {r.name for r in made}
    for r in made:
        r.close()
        assert (r.info().language, r.info().target_language, r.info().preview) == ("en", "de", "")


def test_a_session_that_cannot_be_made_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OutputError("the disk is full")

    monkeypatch.setattr("workbench.recording_info.write_atomically", full)
    with pytest.raises(OutputError, match="full"):
        Recording.create(source="", profile="", language=None, target_language=None)
    assert sessions.recordings() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps a user's folders to the user by itself")
def test_what_was_said_is_for_nobody_else_to_read(recording: Recording) -> None:
    assert recording.folder.stat().st_mode & 0o077 == 0


def test_finishing_after_a_crash_neither_loses_nor_repeats_a_word(recording: Recording) -> None:
    recording.spool().append(np.zeros(20 * RATE, np.float32))
    journal = recording.journal()
    assert (recording.done_until(), recording.next_segment_id()) == (0.0, 0)
    said(journal, 0, "one", 1.0)
    journal.write(events.Progress(position=2.2))
    said(journal, 1, "first half", 4.0)  # its other half, or its translation, did not come any more
    journal.write(events.SpeechStarted(segment_id=2, start=9.0))
    recording.close()

    again = sessions.interrupted()[0]
    assert texts(again) == ["one", "first half"]
    assert (again.done_until(), again.next_segment_id()) == (2.2, 3)
    journal = again.journal()
    assert texts(again) == ["one"], "all of the rest is told again"
    assert again.events()[-1] == events.Resumed(position=2.2)
    said(journal, 3, "first half", 4.0)
    said(journal, 3, "second half", 5.5)
    said(journal, 4, "end", 9.2)
    journal.write(events.Done(duration=20.0))
    again.close()
    assert texts(again) == ["one", "first half", "second half", "end"]
    assert again.info().state is State.FINISHED


def test_a_finished_session_that_goes_on_keeps_everything(recording: Recording) -> None:
    recording.spool().append(np.zeros(5 * RATE, np.float32))
    journal = recording.journal()
    said(journal, 0, "one", 1.0)
    journal.write(events.Done(duration=5.0))
    recording.close()
    recording.spool().append(np.zeros(5 * RATE, np.float32))
    recording.journal()
    assert (recording.done_until(), recording.next_segment_id(), texts(recording)) == (5.0, 1, ["one"])
    recording.close()
    assert recording.info().state is State.INTERRUPTED


def test_what_is_discarded_counts_as_done_and_keeps_what_was_told(recording: Recording) -> None:
    recording.spool().append(np.zeros(9 * RATE, np.float32))
    journal = recording.journal()
    said(journal, 0, "one", 1.0)
    journal.write(events.Progress(position=2.2))
    said(journal, 1, "half", 4.0)
    recording.close()
    recording.discard()
    assert (recording.info().state, recording.done_until()) == (State.FINISHED, 9.0)
    assert texts(recording) == ["one", "half"]


def test_what_a_power_failure_took_from_the_audio_is_not_done(recording: Recording) -> None:
    recording.spool().append(np.zeros(3 * RATE, np.float32))
    recording.journal().write(events.Progress(position=4.5))
    assert recording.done_until() == 3.0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has neither fork nor SIGKILL")
def test_kill_9_at_random_moments_loses_nothing_and_the_session_goes_on(tmp_path: Path) -> None:
    environment = os.environ | {"SEED": str(np.random.randint(1_000_000))}
    result = subprocess.run(
        [sys.executable, "-c", KILLED], env=environment, capture_output=True, text=True, check=False
    )
    assert result.stdout == "all is there\n", f"seed {environment['SEED']}: {result.stderr}"


def test_a_session_is_found_by_the_beginning_of_its_name(place: Path) -> None:
    with pytest.raises(UsageError, match="there is no session yet"):
        sessions.find("last")
    for name in ("2026-11-20_101500", "2026-11-21_090000", "2026-11-21_090000-2"):
        (place / name).mkdir(parents=True)
    assert [r.name for r in sessions.recordings()] == ["2026-11-21_090000-2", "2026-11-21_090000", "2026-11-20_101500"]
    assert sessions.find("last").name == "2026-11-21_090000-2"
    assert sessions.find("2026-11-20").name == "2026-11-20_101500"
    assert sessions.find("2026-11-21_090000").name == "2026-11-21_090000", "the whole name comes first"
    with pytest.raises(UsageError, match="2 sessions") as caught:
        sessions.find("2026-11-21")
    assert "2026-11-21_090000-2, 2026-11-21_090000" in caught.value.hint
    with pytest.raises(UsageError, match="did you mean '2026-11-20_101500'"):
        sessions.find("2026-11-20_101501")
    for wrong in ("", "..", "../sessions", "/"):
        with pytest.raises(UsageError):
            sessions.find(wrong)


def test_what_is_left_of_a_session_can_be_listed(place: Path) -> None:
    """Its maker died before it wrote anything, or its files are damaged."""
    (place / "2026-11-20_101500").mkdir(parents=True)
    (place / "2026-11-20_101500" / "session.json").write_bytes(b'{"started": "noon"')
    (place / "2026-11-20_101500" / "journal.jsonl").write_bytes(b"\x00" * 100)
    info = sessions.find("last").info()
    assert (info.title, info.duration, info.segments, info.state) == ("", 0.0, 0, State.FINISHED)


def test_search_finds_texts_and_translations_whatever_the_case(recording: Recording) -> None:
    journal = recording.journal()
    said(journal, 0, "The Main Street", 1.0, "Die Hauptstraße")
    said(journal, 1, "Something else", 3.0)
    for wanted in ("main s", "HAUPTSTRASSE"):
        hits = list(sessions.search(wanted))
        assert [(h.recording.name, h.caption.transcript.start) for h in hits] == [(recording.name, 1.0)]
    assert not list(sessions.search("nowhere"))
    assert not list(sessions.search("speech_started")), "what is not said is not found"


def test_a_title_is_kept_beside_the_name(recording: Recording) -> None:
    recording.rename("  Talk\nwith Ann ")
    assert sessions.find("last").info().title == "Talk with Ann"
    assert sessions.find("last").info().source == "Mic"


def test_a_deleted_session_is_gone(recording: Recording, place: Path) -> None:
    recording.spool()
    recording.close()
    recording.delete()
    assert sessions.recordings() == []
    assert os.listdir(place) == [".lock"]
    with pytest.raises(OutputError):
        recording.delete()


def test_a_part_is_exported_with_times_from_its_start(recording: Recording, tmp_path: Path) -> None:
    heard = np.random.default_rng(2).integers(-9999, 9999, 20 * RATE).astype(np.float32) / np.float32(32768)
    recording.spool().append(heard)
    journal = recording.journal()
    said(journal, 0, "Before.", 1.0, "Davor.")
    said(journal, 1, "Good morning.", 11.0, "Guten Morgen.")
    exporter, span = SubtitleExporter(SubtitleExporter.Options()), Span(10.0, 15.0)
    [file, _] = recording.export(
        [(exporter, "srt", None), (exporter, "vtt", tmp_path / "a.vtt")], show="both", span=span
    )
    assert file.data.startswith(b"1\n00:00:01,000 --> ")
    assert file.data.endswith(b"\nGood morning.\nGuten Morgen.\n\n")
    assert (tmp_path / "a.vtt").is_file()
    recording.export_audio(tmp_path / "a.wav", span=span)
    with wave.open(str(tmp_path / "a.wav")) as wav:
        assert wav.getnframes() == 5 * RATE
    assert np.array_equal(read_samples(tmp_path / "a.wav", 0, 10 * RATE), heard[10 * RATE : 15 * RATE])
    with pytest.raises(OutputError, match="exists"):
        recording.export_audio(tmp_path / "a.wav")
    recording.export_audio(tmp_path / "a.wav", overwrite=True)
    assert np.array_equal(read_samples(tmp_path / "a.wav", 0, 30 * RATE), heard)
    late = Span(9000.0)
    with pytest.raises(UsageError, match="ends before 9000 s"):
        recording.export([(exporter, "srt", tmp_path / "late.srt")], span=late)
    with pytest.raises(UsageError, match="ends before 9000 s"):
        recording.export_audio(tmp_path / "late.wav", span=late)
    assert not list(tmp_path.glob("late.*"))


def test_the_language_of_an_export_is_the_one_that_was_heard(recording: Recording) -> None:
    transcript = Transcript(segment_id=0, text="你好。", language="zh", start=0.0, end=1.0)
    translation = Translation(segment_id=0, text="Hello.", language="en", start=0.0, end=1.0)
    recording.journal().write(events.Translation(transcript=transcript, translation=translation))
    assert (recording.info().language, recording.info().target_language) == ("zh", "en")
